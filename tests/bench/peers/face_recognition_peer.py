"""face_recognition with its defaults: dlib's HOG detector and its ResNet."""

from serve import serve


def start():
    import face_recognition

    def embed(path):
        pixels = face_recognition.load_image_file(path)
        boxes = face_recognition.face_locations(pixels)
        return len(face_recognition.face_encodings(pixels, boxes))

    return embed


serve(start)
