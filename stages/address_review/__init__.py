"""Answer the review of a pull request of ours: the stages that a fix does not have.

Three of them give the same result as a stage of a fix, under the same name: the stages between
them work on it without a change.
"""

from stages.address_review.checkout_pull import CheckoutPull
from stages.address_review.fetch_review import FetchReview
from stages.address_review.propose_follow_up import ProposeFollowUp
from stages.address_review.push_follow_up import PushFollowUp
from stages.address_review.recall_issue import RecallIssue
from stages.address_review.refusals import ReviewLimits
from stages.address_review.replies import REPLY, PlannedReply
from stages.address_review.review import Review

__all__ = [
    "REPLY",
    "CheckoutPull",
    "FetchReview",
    "PlannedReply",
    "ProposeFollowUp",
    "PushFollowUp",
    "RecallIssue",
    "Review",
    "ReviewLimits",
]
