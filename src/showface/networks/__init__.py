"""The boxes of Figure 2, one file each, and the two networks that training adds."""
