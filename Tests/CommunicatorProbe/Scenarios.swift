import Communicator

/// What the ranks of one job do together.
typealias Scenario = @Sendable (borrowing Communicator) throws -> Void

let scenarios: [String: Scenario] = [
    "singleton": singleton,
    "after-finalize": afterFinalize,
    "other-thread": otherThread,
    "allreduce": allreduce,
    "reduce": reduce,
    "broadcast": broadcast,
    "gather": gather,
    "messages": messages,
    "nonblocking-reductions": nonblockingReductions,
    "nonblocking-gathers": nonblockingGathers,
    "nonblocking-messages": nonblockingMessages,
    "nonblocking-barrier": nonblockingBarrier,
    "scrambled-completion": scrambledCompletion,
    "splitting": splitting,
    "derived": derived,
    "many-splits": manySplits,
    "refused-arguments": refusedArguments,
    "message-of-other-length": messageOfOtherLength,
    "array-of-other-length": arrayOfOtherLength,
    "agreement": agreement,
    "failing-rank": failingRank,
    "unfinished-request": unfinishedRequest,
    "unfinished-queue": unfinishedQueue,
    "abandoned-requests": abandonedRequests,
    "stop-signal": stopSignal,
]
