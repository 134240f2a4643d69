"""Section layouts from screenshots and HTML structure, by joint discrete-continuous diffusion."""
