"""From examples to tensors: encoding, shards, batches."""
