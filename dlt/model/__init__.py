"""The layout model: condition encoder, denoiser, diffusion, sampler. Knows tensors and no files."""
