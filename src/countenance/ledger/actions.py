"""What is recorded: the closed list of actions, each with its meaning."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self


class Action(StrEnum):
    """The closed list of what is recorded; `meaning` says each in one line."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Self:
        """Keep the meaning beside the value."""
        action = str.__new__(cls, value)
        action._value_ = value
        action.meaning = meaning
        return action

    DEPLOYMENT_INITIALISED = "deployment.initialised", "The deployment and its keys were made."
    DEPLOYMENT_UNSEALED = "deployment.unsealed", "A custodian opened the deployment's keys."
    BACKUP_MADE = "backup.made", "A sealed backup of the deployment was made."
    DEPLOYMENT_RESTORED = (
        "deployment.restored",
        "The deployment was restored from a backup; the entries before this one continue the lost ledger.",
    )
    ERASURES_REPEATED = (
        "erasures.repeated",
        "What was erased after a backup was erased again in what was restored from it.",
    )
    AGENCY_ADMITTED = "agency.admitted", "An agency was admitted and its keys were made."
    PERSON_ADDED = "person.added", "An account was made for a person."
    PERSON_SIGNED_IN = "person.signed_in", "A person signed in."
    PERSON_SIGN_IN_REFUSED = "person.sign_in_refused", "An attempt to sign in was refused."
    PERSON_SIGNED_OUT = "person.signed_out", "A person signed out."
    AGENCY_SUSPENDED = "agency.suspended", "An agency was suspended; its sessions ended at once."
    AGENCY_RESTORED = "agency.restored", "The suspension of an agency was lifted."
    AGENCY_CHANGED = "agency.changed", "An agency's policy pack or listing was changed."
    VETTING_VIEWED = "vetting.viewed", "A document of an agency's vetting was shown to a custodian."
    PERSON_INVITED = "person.invited", "A person was invited by a link that works once."
    INVITATION_WITHDRAWN = "invitation.withdrawn", "An invitation was taken back."
    PERSON_SUSPENDED = "person.suspended", "A person was suspended; their sessions ended at once."
    PERSON_RESTORED = "person.restored", "The suspension of a person was lifted."
    ROLES_CHANGED = (
        "person.roles_changed",
        "A person's roles were changed, after a second person agreed.",
    )
    TRAINING_RECORDED = "person.training_recorded", "Training or a certificate was recorded."
    FACTOR_ADDED = (
        "factor.added",
        "A person added a passkey, an authenticator app or recovery codes.",
    )
    FACTOR_REMOVED = (
        "factor.removed",
        "A passkey, an app or recovery codes of a person were removed or replaced.",
    )
    PASSWORD_CHANGED = "password.changed", "A person changed their password."  # a word
    STEPPED_UP = "person.stepped_up", "A signed-in person proved once more who they are."
    STEP_UP_REFUSED = "person.step_up_refused", "A signed-in person failed to prove who they are."
    SESSION_ENDED = "session.ended", "Sessions of a person were ended."
    TOKEN_MADE = "token.made", "A personal token was made."  # a word
    TOKEN_USED = "token.used", "A personal token opened a command."  # a word
    TOKEN_REVOKED = "token.revoked", "A personal token was revoked."  # a word
    PROVIDER_SET = "provider.set", "An agency's own sign-in provider was set or removed."
    PROVIDER_LINKED = "provider.linked", "A person was linked with their account at the provider."
    PROVIDER_UNLINKED = "provider.unlinked", "A person's link with the provider was removed."
    NOTICES_CHANGED = "notices.changed", "A person switched notices by e-mail on or off."
    NOTICE_SENT = (
        "notice.sent",
        "A person was told by e-mail that something waits, and nothing more.",
    )
    RECORDS_UPGRADED = "records.upgraded", "Stored records were brought to this version's form."
    KEYS_ROTATED = "keys.rotated", "Keys were given a new epoch; what is sealed follows."
    KEYS_WRAPPED = "keys.wrapped", "Keys were wrapped anew by the newest key above them."
    KEYS_DESTROYED = "keys.destroyed", "Keys that nothing is sealed under any more were destroyed."
    ROOT_ROTATED = "root.rotated", "The root key was replaced by another one."
    SIGNING_REPLACED = (
        "signing.replaced",
        "Keys that sign bundles, backups or checkpoints were replaced; the body names the old and the new ones.",
    )
    SIGNING_ENDED = (
        "signing.ended",
        "The old key that signed checkpoints beside the new one was destroyed.",
    )
    UNSEALING_CHANGED = "unsealing.changed", "What opens the deployment's keys was changed."
    TEMPLATES_ROTATED = "templates.rotated", "A gallery's templates were given another rotation."
    APPROVAL_ASKED = "approval.asked", "A second person's approval was asked for."
    APPROVAL_DECIDED = "approval.decided", "A second person approved or refused a request."
    APPROVAL_WITHDRAWN = "approval.withdrawn", "A request for approval was withdrawn."
    GLASS_BROKEN = "glass.broken", "A supervisor broke the glass for a case; an auditor reviews it."
    GLASS_REVIEWED = "glass.reviewed", "An auditor reviewed a broken glass."
    SOURCE_REGISTERED = "source.registered", "A source of photos was registered with its passport."
    SOURCE_REMOVED = "source.removed", "A source was removed, with every photo from it."
    GALLERY_CREATED = "gallery.created", "A gallery was created."
    GALLERY_TERMS_CHANGED = "gallery.terms_changed", "A gallery's terms were changed."
    GALLERY_GRANTED = "gallery.granted", "A gallery was granted to another agency by its owner."
    GALLERY_GRANT_ENDED = "gallery.grant_ended", "An owner ended the grant of a gallery."
    EVALUATION_RECORDED = "evaluation.recorded", "It was measured how often searches err."
    EVALUATION_EXPORTED = (
        "evaluation.exported",
        "The numbers, the report or the trials of an evaluation left the program.",
    )
    SELFTEST_BEGUN = (
        "selftest.begun",
        "A gallery was about to be searched for people known not to be in it.",
    )
    SELFTEST_RUN = "selftest.run", "A gallery was searched for people known not to be in it."
    OPERATING_POINT_SET = "operating_point.set", "A gallery was given another operating point."
    NON_MATES_KEPT = "non_mates.kept", "Templates were kept for the selftests of a gallery."
    NON_MATES_DESTROYED = "non_mates.destroyed", "What was kept for selftests was destroyed."
    INDEX_MOVED = (
        "index.moved",
        "A gallery's templates were moved to Milvus or back, or made anew there.",
    )
    RETENTION_EXTENDED = (
        "retention.extended",
        "Photos are kept longer, after a second person agreed.",
    )
    ENROLMENT_STARTED = "enrolment.started", "Enrolment of photos into a gallery was started."
    PHOTOS_ENROLLED = "photos.enrolled", "A batch of photos was enrolled; they can be found now."
    ENROLMENT_FINISHED = "enrolment.finished", "An enrolment came to its end."
    PHOTO_VIEWED = "photo.viewed", "A photo of a gallery was shown to a person."
    PHOTO_REMOVED = "photo.removed", "A photo was removed and its key destroyed."
    SUBJECT_REMOVED = "subject.removed", "A subject was removed, with all of its photos."
    AUTHORITY_PROPOSED = "authority.proposed", "An authority for searches was proposed."
    AUTHORITY_GRANTED = "authority.granted", "A second person granted an authority."
    AUTHORITY_REFUSED = "authority.refused", "A second person refused an authority."
    AUTHORITY_REVOKED = "authority.revoked", "An authority was taken back."
    AUTHORITY_VIEWED = "authority.viewed", "The document of an authority was shown to a person."
    AUTHORITY_DOCUMENTED = "authority.documented", "A document was put to a proposed authority."
    CASE_OPENED = "case.opened", "A case was opened."
    CASE_CLOSED = "case.closed", "A case was closed; it allows no more searches."
    CASE_AUTHORISED = "case.authorised", "A case was put under another authority."
    CASE_MEMBERS_CHANGED = "case.members_changed", "People were added to a case or taken off it."
    CASE_HELD = (
        "case.held",
        "A legal hold was set: nothing of a case is destroyed until it is lifted.",
    )
    CASE_RELEASED = "case.released", "The legal hold of a case was lifted; its clocks run again."
    CASE_ERASURE_ORDERED = (
        "case.erasure_ordered",
        "What there is of a closed case is to be destroyed before its time, after a second person agreed.",
    )
    CASE_WIDENED = (
        "case.widened",
        "A case was widened to one more person, after a supervisor agreed.",
    )
    PROBE_ADDED = "probe.added", "A probe photo was added to a case."
    PROBE_VIEWED = "probe.viewed", "A probe photo was shown to a person."
    PROBE_DERIVED = (
        "probe.derived",
        "A copy was made of evidence: cropped, turned, or in other light.",
    )
    PROBE_MARKED = "probe.marked", "A face that the program had not found was marked in evidence."
    PROBE_UNMARKED = "probe.unmarked", "The mark of a face in evidence was taken back."
    FOOTAGE_ADDED = "footage.added", "A video was added to a case as evidence."
    FOOTAGE_ENDED = (
        "footage.ended",
        "A video was looked through for faces, or that failed or was stopped.",
    )
    FOOTAGE_VIEWED = "footage.viewed", "The faces found in a video were shown to a person."
    SEARCH_ASKED = "search.asked", "An investigator asked for a search."
    SEARCH_DECLINED = "search.declined", "A request for a search was declined or withdrawn."
    SEARCH_INTENDED = "search.intended", "A search was permitted and is about to run."
    SEARCH_CONCLUDED = "search.concluded", "A search ran; its outcome is fixed and may be shown."
    SEARCH_ABORTED = "search.aborted", "An intended search came to no outcome; nothing was shown."
    SEARCH_HELD = "search.held", "A search was stopped: its face is none of the case's people."
    SEARCH_SETTLED = "search.settled", "The authority for a search came in time; its clock stopped."
    SEARCH_FROZEN = "search.frozen", "Results were frozen: no authority was granted in time."
    SEARCH_PURGED = "search.purged", "Results were destroyed, with a certificate."
    CANDIDATES_VIEWED = "candidates.viewed", "The candidates of a search were shown to a person."
    EXAMINATION_BEGUN = (
        "examination.begun",
        "An examiner began to examine what a search returned, or a control.",
    )
    EXAMINATION_VIEWED = (
        "examination.viewed",
        "Photos of an examination were shown to its examiner.",
    )
    EXAMINATION_SAVED = "examination.saved", "An examiner saved a draft."
    PROBE_ANALYSED = (
        "probe.analysed",
        "An examiner wrote down what a probe shows, before any candidate.",
    )
    CONCLUSION_RECORDED = "conclusion.recorded", "An examiner recorded a conclusion on a candidate."
    CONCLUSION_FOLLOWED = (
        "conclusion.followed",
        "An examiner put another conclusion after an earlier one of theirs, with a reason.",
    )
    EXAMINATION_ENDED = "examination.ended", "An examination ended before all was concluded."
    EXAMINATIONS_COMPARED = (
        "examinations.compared",
        "Recorded examinations were shown side by side.",
    )
    EXAMINATION_DRAWN = (
        "examination.drawn",
        "What somebody examines next was drawn: a search, or enrolled photos as a control.",
    )
    CONTROLS_MEASURED = "controls.measured", "An examiner's answers to controls were shown."
    CONTROL_DESTROYED = (
        "control.destroyed",
        "Whose photos a control was made of was destroyed; how it was answered stays.",
    )
    SEARCH_CLOSED = (
        "search.closed",
        "A search was closed: all was compared, or somebody said why not.",
    )
    LEAD_RELEASED = "lead.released", "A supervisor released a lead."
    LEAD_WITHDRAWN = "lead.withdrawn", "A supervisor withdrew a lead, with a reason."
    LEAD_VIEWED = "lead.viewed", "A lead was shown to a person."
    LEAD_EXPORTED = "lead.exported", "A lead's report or photo left the program."
    LEAD_EVIDENCE_RECORDED = (
        "lead.evidence_recorded",
        "Evidence that does not come from the search was recorded with a lead.",
    )
    LEAD_OUTCOME_RECORDED = "lead.outcome_recorded", "What became of a lead was recorded."
    BUNDLE_EXPORTED = "bundle.exported", "The disclosure bundle of a case left the program."
    EVIDENCE_PURGED = (
        "evidence.purged",
        "Photos of a closed case were destroyed, with a certificate.",
    )
    WITNESSES_CHANGED = (
        "witnesses.changed",
        "Who witnesses the ledger, how many must, and for how long nobody need, was changed.",
    )
    ACTION_REFUSED = "action.refused", "Something was asked for and not permitted."
    LEDGER_EXPORTED = "ledger.exported", "The ledger, or a part of its bodies, was exported."


OF_EXAMINERS: Final = frozenset(
    {
        Action.CANDIDATES_VIEWED,
        Action.EXAMINATION_DRAWN,
        Action.EXAMINATION_BEGUN,
        Action.EXAMINATION_VIEWED,
        Action.EXAMINATION_SAVED,
        Action.EXAMINATION_ENDED,
        Action.PROBE_ANALYSED,
        Action.CONCLUSION_RECORDED,
        Action.CONCLUSION_FOLLOWED,
        Action.EXAMINATIONS_COMPARED,
        Action.CONTROLS_MEASURED,
        Action.CONTROL_DESTROYED,
        Action.SEARCH_CLOSED,
        Action.LEAD_RELEASED,
        Action.LEAD_WITHDRAWN,
        Action.LEAD_VIEWED,
        Action.LEAD_EXPORTED,
        Action.LEAD_EVIDENCE_RECORDED,
        Action.LEAD_OUTCOME_RECORDED,
    }
)
"""That one of these was done, and when, tells an examiner how far another one is."""

NEED_WITNESSES: Final = frozenset(
    {
        Action.SEARCH_INTENDED,
        Action.FOOTAGE_VIEWED,
        Action.PHOTO_VIEWED,
        Action.PROBE_VIEWED,
        Action.AUTHORITY_VIEWED,
        Action.VETTING_VIEWED,
        Action.CANDIDATES_VIEWED,
        Action.EXAMINATION_BEGUN,
        Action.EXAMINATION_VIEWED,
        Action.EXAMINATIONS_COMPARED,
        Action.LEAD_RELEASED,
        Action.LEAD_VIEWED,
        Action.LEAD_EXPORTED,
        Action.BUNDLE_EXPORTED,
        Action.GALLERY_GRANTED,
        Action.SELFTEST_BEGUN,
        Action.EVALUATION_EXPORTED,
    }
)
"""What nobody may do while the ledger lacks the witnesses that its policy wants: searches, leads, exports and
looks at what is sealed. Not the export of the ledger itself, by which others find out why."""
