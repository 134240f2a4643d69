"""What a section is: roles, trees, labels and their JSON. Knows no torch."""
