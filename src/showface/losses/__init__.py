"""The losses of section 3.5, one file each; `objective` joins them. Tensors in, scalar tensors out, no networks."""
