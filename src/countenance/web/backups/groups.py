"""What becomes, after a restore, of each thing that was done since the backup: repeated, told to people, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from countenance.apps.agencies import repeating as agencies
from countenance.apps.cases import repeating as cases
from countenance.apps.evaluations import repeating as evaluations
from countenance.apps.examinations import repeating as examinations
from countenance.apps.galleries import repeating as galleries
from countenance.apps.leads import withdrawing as leads
from countenance.apps.searches import repeating as searches
from countenance.ledger.entry import Action

Repeat = Callable[..., int]

REPEATED: Mapping[Action, Repeat] = {
    Action.PHOTO_REMOVED: galleries.remove_photo_again,
    Action.SUBJECT_REMOVED: galleries.remove_subject_again,
    Action.SOURCE_REMOVED: galleries.remove_source_again,
    Action.GALLERY_GRANT_ENDED: galleries.end_grants_again,
    Action.SEARCH_PURGED: searches.purge_again,
    Action.EVIDENCE_PURGED: searches.purge_evidence_again,
    Action.CONTROL_DESTROYED: examinations.destroy_control_again,
    Action.NON_MATES_KEPT: evaluations.destroy_non_mates_again,  # The earlier ones went with that.
    Action.NON_MATES_DESTROYED: evaluations.destroy_non_mates_again,
    Action.LEAD_WITHDRAWN: leads.withdraw_again,
    Action.TOKEN_REVOKED: agencies.revoke_token_again,
    Action.FACTOR_REMOVED: agencies.remove_factor_again,
    Action.PROVIDER_UNLINKED: agencies.unlink_again,
    Action.INVITATION_WITHDRAWN: agencies.withdraw_invitation_again,
    Action.PERSON_SUSPENDED: agencies.suspend_person_again,
    Action.AGENCY_SUSPENDED: agencies.suspend_agency_again,
    Action.AUTHORITY_REVOKED: cases.revoke_authority_again,
    Action.CASE_HELD: cases.hold_case_again,
    Action.CASE_CLOSED: cases.close_case_again,
    Action.CASE_ERASURE_ORDERED: cases.order_erasure_again,
}
"""What destroyed keys, or only took power away, from what the entry names by its id. Each is given that id, and returns
how much it did again."""

LIFTED: Mapping[Action, Action] = {
    Action.PERSON_SUSPENDED: Action.PERSON_RESTORED,
    Action.AGENCY_SUSPENDED: Action.AGENCY_RESTORED,
    Action.CASE_HELD: Action.CASE_RELEASED,
}
"""What lifts what is repeated: what was lifted after it was done is not done again."""

BY_HAND = (
    Action.KEYS_ROTATED,
    Action.KEYS_WRAPPED,
    Action.KEYS_DESTROYED,
    Action.ROOT_ROTATED,
    Action.SIGNING_REPLACED,  # The keys of the backup sign again.
    Action.SIGNING_ENDED,
    Action.UNSEALING_CHANGED,
    Action.TEMPLATES_ROTATED,
    Action.WITNESSES_CHANGED,
    Action.AGENCY_CHANGED,
    Action.PERSON_ADDED,  # Gone: whoever it was is invited again.
    Action.ROLES_CHANGED,
    Action.TRAINING_RECORDED,
    Action.PASSWORD_CHANGED,  # It opens nothing any more: whoever has no passkey is let in anew.
    Action.FACTOR_ADDED,  # Gone: what it replaced is removed again, so its owner may have none left.
    Action.PROVIDER_SET,  # The earlier one is set again; the links that ended with it do not come back.
    Action.PROVIDER_LINKED,
    Action.APPROVAL_DECIDED,  # Lost, and what waited in the backup is withdrawn: it is asked for again.
    Action.GALLERY_TERMS_CHANGED,
    Action.OPERATING_POINT_SET,
    Action.RETENTION_EXTENDED,
    Action.AUTHORITY_REFUSED,
    Action.CASE_AUTHORISED,
    Action.CASE_MEMBERS_CHANGED,
    Action.SEARCH_INTENDED,  # The authority does not count it any more.
    Action.SEARCH_DECLINED,
    Action.SEARCH_HELD,
    Action.SEARCH_FROZEN,
    Action.CONCLUSION_FOLLOWED,  # The earlier conclusion stands alone again.
)
"""What narrowed what somebody may do or what is believed, and cannot be repeated without what the lost bodies said:
people do, and are told of what it was."""

NEEDS_NOTHING = frozenset(
    {
        Action.DEPLOYMENT_INITIALISED,
        Action.DEPLOYMENT_UNSEALED,
        Action.BACKUP_MADE,
        Action.DEPLOYMENT_RESTORED,
        Action.ERASURES_REPEATED,
        Action.RECORDS_UPGRADED,
        Action.INDEX_MOVED,
        # What was made or given since is not in the backup, which narrows.
        Action.AGENCY_ADMITTED,
        Action.PERSON_INVITED,
        Action.TOKEN_MADE,
        Action.APPROVAL_ASKED,
        Action.APPROVAL_WITHDRAWN,  # All that were open in the backup are, whatever became of them.
        Action.SOURCE_REGISTERED,
        Action.GALLERY_CREATED,
        Action.GALLERY_GRANTED,
        Action.ENROLMENT_STARTED,
        Action.PHOTOS_ENROLLED,
        Action.ENROLMENT_FINISHED,
        Action.AUTHORITY_PROPOSED,
        Action.AUTHORITY_GRANTED,
        Action.AUTHORITY_DOCUMENTED,
        Action.CASE_OPENED,
        Action.CASE_WIDENED,
        Action.PROBE_ADDED,
        Action.PROBE_DERIVED,
        Action.PROBE_MARKED,
        Action.PROBE_UNMARKED,
        Action.FOOTAGE_ADDED,
        Action.FOOTAGE_ENDED,
        Action.SEARCH_ASKED,
        Action.SEARCH_CONCLUDED,
        Action.SEARCH_ABORTED,
        Action.SEARCH_SETTLED,
        Action.SEARCH_CLOSED,
        Action.EXAMINATION_DRAWN,
        Action.EXAMINATION_BEGUN,
        Action.EXAMINATION_SAVED,
        Action.EXAMINATION_ENDED,
        Action.PROBE_ANALYSED,
        Action.CONCLUSION_RECORDED,
        Action.LEAD_RELEASED,
        Action.LEAD_EVIDENCE_RECORDED,
        Action.LEAD_OUTCOME_RECORDED,
        Action.EVALUATION_RECORDED,
        Action.SELFTEST_BEGUN,
        Action.SELFTEST_RUN,
        # What was lifted stays as it is in the backup, which is narrower.
        Action.PERSON_RESTORED,
        Action.AGENCY_RESTORED,
        Action.CASE_RELEASED,
        Action.GLASS_BROKEN,
        Action.GLASS_REVIEWED,
        # Nobody is signed in in a backup.
        Action.PERSON_SIGNED_IN,
        Action.PERSON_SIGN_IN_REFUSED,
        Action.PERSON_SIGNED_OUT,
        Action.STEPPED_UP,
        Action.STEP_UP_REFUSED,
        Action.SESSION_ENDED,
        # What was looked at, sent or handed out changed nothing here.
        Action.TOKEN_USED,
        Action.NOTICES_CHANGED,
        Action.NOTICE_SENT,
        Action.VETTING_VIEWED,
        Action.PHOTO_VIEWED,
        Action.AUTHORITY_VIEWED,
        Action.PROBE_VIEWED,
        Action.FOOTAGE_VIEWED,
        Action.CANDIDATES_VIEWED,
        Action.EXAMINATION_VIEWED,
        Action.EXAMINATIONS_COMPARED,
        Action.CONTROLS_MEASURED,
        Action.LEAD_VIEWED,
        Action.LEAD_EXPORTED,
        Action.BUNDLE_EXPORTED,
        Action.EVALUATION_EXPORTED,
        Action.LEDGER_EXPORTED,
        Action.ACTION_REFUSED,
    }
)
"""All others; each action is in exactly one of the three, as a test demands."""
