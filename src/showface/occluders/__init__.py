"""What lies in front of a face in photographs, as masks: hands, things worn, damage, lettering, boxes."""
