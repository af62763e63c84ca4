"""One module an exchange: what its order side is held against, for each folder of material."""
