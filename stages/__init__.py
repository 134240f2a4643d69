"""The stages of the pipeline: each loads the parameters, calls one function, writes its outputs."""
