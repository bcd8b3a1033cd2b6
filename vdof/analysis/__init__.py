"""Pass 1: what is known of a clip before it is rendered, made once and kept on disk."""
