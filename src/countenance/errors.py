"""Every error that Countenance raises on purpose, in one hierarchy.

The docstring of a class is its default message; `code` is stable and documented in
`docs/reference/errors.md`. No error knows about HTTP, exit codes or loggers: the entry points map
classes to those (`web/problems.py`, `cli`).
"""

from __future__ import annotations

from typing import ClassVar


class CountenanceError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str = "", **facts: object) -> None:
        """Keep the sentence for people and the facts for machines.

        Args:
            detail: one plain sentence; the class's docstring if empty.
            facts: values a caller may want to show or log; never secrets or anything about a person.
        """
        self.detail = detail or type(self).message()
        self.facts = facts
        super().__init__(self.detail)

    @classmethod
    def message(cls) -> str:
        """Return the default sentence: the first paragraph of the docstring."""
        return " ".join((cls.__doc__ or "").split("\n\n")[0].split())


class InputError(CountenanceError):
    """The input cannot be used as it is."""

    code = "input"


class NotAlike(InputError):
    """These photos are not alike enough to be of one person."""

    code = "not_alike"


class ImageRejected(InputError):
    """This file is not a photo that can be read safely."""

    code = "image_rejected"


class VideoRejected(InputError):
    """This file is not a video that can be read safely."""

    code = "video_rejected"


class UploadTooLarge(InputError):
    """This is larger than what is taken here. Nothing was kept."""

    code = "upload_too_large"


class NoFaceFound(InputError):
    """No face was found in this photo."""

    code = "no_face_found"


class FaceTooSmall(InputError):
    """The face is too small to compare."""

    code = "face_too_small"


class QualityTooLow(InputError):
    """The face cannot be compared: its quality is too low."""

    code = "quality_too_low"


class ReasonMissing(InputError):
    """A search needs a reason in words."""

    code = "reason_missing"


class PassportIncomplete(InputError):
    """The source's passport lacks an entry, so no photo of it can be enrolled."""

    code = "passport_incomplete"


class ManifestInvalid(InputError):
    """The manifest cannot be read."""

    code = "manifest_invalid"


class ModelCardInvalid(InputError):
    """The model card is not complete or contradicts the model file."""

    code = "model_card_invalid"


class ProviderUnusable(InputError):
    """The sign-in provider did not answer as it has to."""

    code = "provider_unusable"


class NotVouched(ProviderUnusable):
    """Your organisation's sign-in did not say that you used a second factor there, so it opens nothing here."""

    code = "provider_not_vouched"


class SettingsInvalid(InputError):
    """The settings are wrong or incomplete."""

    code = "settings_invalid"


class NotPermitted(CountenanceError):
    """This is not permitted. Each refusal is recorded on the ledger."""

    code = "not_permitted"

    def __init__(self, detail: str = "", *, rule: str = "", **facts: object) -> None:
        """Keep the rule that refused beside the sentence that says the way out."""
        super().__init__(detail, **facts)
        self.rule = rule or self.code
        self.recorded = False  # the door says so, once its entry is on the ledger


class NotSignedIn(NotPermitted):
    """Nobody is signed in."""

    code = "not_signed_in"


class RoleMissing(NotPermitted):
    """None of your roles may do this."""

    code = "role_missing"


class RolesConflict(NotPermitted):
    """These roles exclude each other."""

    code = "roles_conflict"


class ScopeMissing(NotPermitted):
    """This token is not for that."""

    code = "scope_missing"


class CertificateMissing(NotPermitted):
    """This needs an examiner's certificate that is in date. Ask your coordinator to record it."""

    code = "certificate_missing"


class StepUpNeeded(NotPermitted):
    """Prove once more who you are; then this goes on."""

    code = "step_up_needed"


class LeadNotSupported(NotPermitted):
    """Too few examiners support this candidate for a lead."""

    code = "lead_not_supported"


class SamePerson(NotPermitted):
    """Nobody decides about what they asked for themselves."""

    code = "same_person"


class ApprovalNeeded(NotPermitted):
    """This needs the approval of a second person."""

    code = "approval_needed"


class NoAuthority(NotPermitted):
    """No authority covers this."""

    code = "no_authority"


class AuthorityExpired(NotPermitted):
    """The authority has ended."""

    code = "authority_expired"


class AuthoritySpent(NotPermitted):
    """Every search that the authority allows has been made."""

    code = "authority_spent"


class QuotaSpent(NotPermitted):
    """As many searches were made as are allowed."""

    code = "quota_spent"


class ForbiddenByPack(NotPermitted):
    """A policy pack does not allow this."""

    code = "forbidden_by_pack"


class NotEvidence(NotPermitted):
    """Only photos that are evidence of the case can be searched."""

    code = "not_evidence"


class UnrelatedFace(NotPermitted):
    """This face is not one of the people whom the case is about."""

    code = "unrelated_face"


class SearchFrozen(NotPermitted):
    """This search is frozen: it was not authorised in time."""

    code = "search_frozen"


class Suspended(NotPermitted):
    """This agency or person is suspended."""

    code = "suspended"


class GalleryClosedToCase(NotPermitted):
    """This gallery cannot be searched for this case."""

    code = "gallery_closed_to_case"


class CaseClosed(NotPermitted):
    """The case is closed; a search needs an open case."""

    code = "case_closed"


class SourceClosed(NotPermitted):
    """The source has ended or its retention has run out, so nothing more can be enrolled from it."""

    code = "source_closed"


class NotFound(CountenanceError):
    """There is no such thing, or it is not yours to see."""

    code = "not_found"


class Conflict(CountenanceError):
    """This contradicts what is already there."""

    code = "conflict"


class WrongState(Conflict):
    """This step does not follow from the present state."""

    code = "wrong_state"


class AlreadyExists(Conflict):
    """Something of that name is already there."""

    code = "already_exists"


class ModelMismatch(Conflict):
    """Templates of different models cannot be compared."""

    code = "model_mismatch"


class TamperDetected(CountenanceError):
    """Stored data was changed from outside. Stop, and call the custodian."""

    code = "tamper_detected"


class SealBroken(TamperDetected):
    """A sealed value does not open: it was changed, moved or sealed with another key."""

    code = "seal_broken"


class BadProof(TamperDetected):
    """A proof of the ledger does not hold."""

    code = "bad_proof"


class LedgerBroken(TamperDetected):
    """The ledger does not verify."""

    code = "ledger_broken"


class BackupBroken(TamperDetected):
    """The backup does not verify: it was changed, is not complete, or is another deployment's."""

    code = "backup_broken"


class ErasureListBroken(TamperDetected):
    """The list of what was erased since the backup does not verify."""

    code = "erasure_list_broken"


class BundleBroken(TamperDetected):
    """The disclosure bundle does not verify: it was changed, or is none."""

    code = "bundle_broken"


class ModelFileChanged(TamperDetected):
    """A model file is not the one that its card names."""

    code = "model_file_changed"


class Unavailable(CountenanceError):
    """This part cannot answer just now; try again."""

    code = "unavailable"


class Sealed(Unavailable):
    """The deployment is sealed. A custodian must unseal it first."""

    code = "sealed"


class NotWitnessed(Unavailable):
    """Too few witnesses have signed the ledger for too long. Once they sign again, this goes on."""

    code = "not_witnessed"


class ErasuresNotReplayed(Unavailable):
    """What was erased since the backup is not erased again yet: run `countenance restore --erasures PLACE` first."""

    code = "erasures_not_replayed"


class ClockWrong(Unavailable):
    """The machine's clock cannot be right, so nothing that depends on time is done. Set it right."""

    code = "clock_wrong"


class IndexUnavailable(Unavailable):
    """The index cannot answer just now."""

    code = "index_unavailable"


class KeyUnavailable(Unavailable):
    """A key cannot be opened."""

    code = "key_unavailable"


class WorkerUnavailable(Unavailable):
    """The photo worker could not be started."""

    code = "worker_unavailable"


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached or started."""

    code = "database_unavailable"


class SamplesUnavailable(Unavailable):
    """The sample photos cannot be fetched here."""

    code = "samples_unavailable"
