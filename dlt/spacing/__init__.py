"""How far elements are from each other along y: what training shows, and boxes that agree with it."""
