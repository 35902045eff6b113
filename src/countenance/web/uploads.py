"""Uploads are held in memory and nowhere else."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload

from countenance import config


class InMemoryOnly(FileUploadHandler):
    """Collects each file in memory and stops an upload that is larger than the limit in all."""

    chunk_size = 1024 * 1024

    def handle_raw_input(
        self,
        input_data: Any,  # noqa: ARG002 # Django's signature, as are the others
        META: Any,  # noqa: ARG002, N803
        content_length: int,
        boundary: Any,  # noqa: ARG002
        encoding: str | None = None,  # noqa: ARG002
    ) -> None:
        """Refuse what says that it is too large before reading it."""
        self.received = 0
        # What may be sent to this page, where it was judged before it is read (`unread`).
        most = config.current().web.upload_limit
        self.limit = min(most, getattr(self.request, "most_bytes", most))
        if content_length > self.limit:
            raise StopUpload(connection_reset=True)

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Start the next file."""
        super().new_file(*args, **kwargs)
        self.file = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:  # noqa: ARG002
        """Keep a piece."""
        self.received += len(raw_data)
        if self.received > self.limit:
            raise StopUpload(connection_reset=True)
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        """Hand the file over."""
        # Cut to its length first, so that reading all of it makes no second copy.
        self.file.getvalue()
        self.file.seek(0)
        return InMemoryUploadedFile(
            file=self.file,
            field_name=self.field_name,
            name=self.file_name or "",
            content_type=self.content_type or "",
            size=file_size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )
