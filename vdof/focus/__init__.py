"""Where the lens is focused in every frame: what is seen of subject, eyes and points, and how a focus puller follows it."""
