"""What runs models: onnxruntime sessions, text, pictures and sound as arrays. Imported by the engine alone."""
