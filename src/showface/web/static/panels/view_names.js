// The boxes of the paper's Figure 2 and what follows them, by the names that /v1/explain gives them.

export const NAMES_OF_VIEWS = {
  aligned: "Aligned face", visible: "What is visible", coarse: "Coarse", semantic_map: "Semantic map",
  completed: "Completed", other_side: "From the other side", attention: "Sources of one patch",
}; // prettier-ignore

export const NOTES = {
  aligned: "as the networks are handed it, 256 × 256",
  visible: "white is hidden",
  coarse: "the first network’s guess",
  semantic_map: "the parts that the parser sees in it",
  completed: "after the memory and the refinement",
  other_side: "the face’s own pixels, mirrored, in colour",
  attention: "where a hidden patch took its features from; brighter is more",
};

/** Why nothing was taken from the other side of a face, by the service's words. */
export const WHY_NOT = {
  off: "it is switched off",
  "no face": "no face was found",
  "nothing whole": "nothing is hidden whole",
  "hidden on both sides": "it is hidden there, too",
  "turned head": "the head is turned",
  "sides differ": "the two sides differ",
};
