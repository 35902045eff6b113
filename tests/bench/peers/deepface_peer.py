"""DeepFace with SFace and YuNet, from the model files that `DEEPFACE_HOME` holds; nothing is fetched."""

import os

from serve import serve


def start():
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from deepface import DeepFace

    def embed(path):
        found = DeepFace.represent(
            path, model_name="SFace", detector_backend="yunet", enforce_detection=False
        )
        return sum(one["face_confidence"] > 0 for one in found)

    return embed


serve(start)
