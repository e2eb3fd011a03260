// The boxes of the paper's Figure 2, by the names that /v1/explain gives them.

export const NAMES_OF_VIEWS = {
  aligned: "Aligned face", visible: "What is visible", coarse: "Coarse", semantic_map: "Semantic map",
  completed: "Completed", attention: "Sources of one patch",
}; // prettier-ignore

export const NOTES = {
  aligned: "as the networks are handed it, 256 × 256",
  visible: "white is hidden",
  coarse: "the first network’s guess",
  semantic_map: "the parts that the parser sees in it",
  completed: "after the memory and the refinement",
  attention: "where a hidden patch took its features from; brighter is more",
};
