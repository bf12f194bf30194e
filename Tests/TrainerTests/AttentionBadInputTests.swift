import TestSupport
import Testing

/// Every mistake in how a run is to attend is one line naming it, exit code 2 and no hang, under mpirun and without it.
@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct AttentionBadInputTests {
    /// Heads have width 32, sequences 64 tokens.
    static let inputs = [
        BadInput(
            "rank-min over rank-max", naming: ["rank-min 24 is above rank-max 8"],
            "--attention", "random", "--rank-min", "24", "--rank-max", "8"),
        BadInput(
            "rank-max over the head width", naming: ["rank-max 33 is above the head width 32"],
            "--attention", "random", "--rank-min", "8", "--rank-max", "33"),
        BadInput("rank-min of 0", naming: ["rank-min is 0"], "--attention", "random", "--rank-min", "0", "--rank-max", "8"),
        BadInput(
            "rank-step of 0", naming: ["rank-step is 0"],
            "--attention", "random", "--rank-min", "8", "--rank-max", "16", "--rank-step", "0"),
        BadInput(
            "a fixed rank over the head width", naming: ["level 33:33", "head width 32"], "--attention", "fixed", "--rank", "33"),
        BadInput("a fixed rank of 0", naming: ["--rank is 0"], "--attention", "fixed", "--rank", "0"),
        BadInput("a level over the head width", naming: ["level 4:64", "head width 32"], "--attention", "energy", "--levels", "4:64"),
        BadInput("a level that is no pair", naming: ["level \"8\"", "8:32"], "--attention", "fixed", "--level", "8"),
        BadInput(
            "levels that are not nested", naming: ["level 4:32 after 8:16 is not nested"],
            "--attention", "random", "--levels", "8:16,4:32"),
        BadInput("a level given twice", naming: ["level 8:16 is given twice"], "--attention", "energy", "--levels", "8:16,8:16"),
        BadInput(
            "a segment that does not divide the context", naming: ["--segment 24", "--context 64", "16, 32, 64"],
            "--attention", "random", "--segment", "24"),
        BadInput("a segment of 0", naming: ["--segment 0", "--context 64"], "--attention", "random", "--segment", "0"),
        BadInput("a rank for full attention", naming: ["--rank", "--attention fixed", "full"], "--attention", "full", "--rank", "8"),
        BadInput("a level for random attention", naming: ["--level", "fixed", "random"], "--attention", "random", "--level", "8:8"),
        BadInput(
            "a rank and a level", naming: ["--attention fixed", "--rank R", "--level S:V"],
            "--attention", "fixed", "--rank", "8", "--level", "8:8"),
        BadInput("a fixed level that is missing", naming: ["--attention fixed", "--rank R", "--level S:V"], "--attention", "fixed"),
        BadInput(
            "two lists of levels", naming: ["--levels", "--rank-min"],
            "--attention", "random", "--levels", "8:8", "--rank-min", "8"),
        BadInput("an unknown strategy", naming: ["--attention sparse", "full, fixed, energy, random, allocated, forecast, token-policy, policy, oracle, performer or nystrom"], "--attention", "sparse"),
        BadInput("levels that nobody measured", naming: ["--attention allocated", "drrl calibrate"], "--attention", "allocated"),
        BadInput("levels that nobody forecasts", naming: ["--attention forecast", "drrl calibrate"], "--attention", "forecast"),
        BadInput("exact tokens under a policy", naming: ["--attention policy", "--exact-recent off"], "--attention", "policy", "--exact-recent", "1"),
        BadInput("exact tokens in full", naming: ["--exact-recent", "below full rank"], "--exact-recent", "1"),
        BadInput("a negative weight", naming: ["--beta is -1"], "--attention", "policy", "--beta=-1"),
        BadInput("a reward for random attention", naming: ["--alpha", "policy or oracle", "random"], "--attention", "random", "--alpha", "1"),
        BadInput("a guard for the oracle", naming: ["--guard", "policy", "oracle"], "--attention", "oracle", "--guard", "off"),
        BadInput("a guard half on", naming: ["--guard maybe", "on or off"], "--attention", "policy", "--guard", "maybe"),
        BadInput("a tolerance without a guard", naming: ["--guard off", "--epsilon"], "--attention", "policy", "--guard", "off", "--epsilon", "1"),
        BadInput("a tolerance below 0", naming: ["--epsilon is -0.5"], "--attention", "policy", "--epsilon=-0.5"),
        BadInput("a tolerance that grows", naming: ["--epsilon-decay is 1.5"], "--attention", "policy", "--epsilon-decay", "1.5"),
        BadInput("a discount above 1", naming: ["--discount is 2"], "--attention", "policy", "--discount", "2"),
        BadInput("an unknown update", naming: ["--policy-update sgd", "reinforce or ppo"], "--attention", "policy", "--policy-update", "sgd"),
        BadInput("a negative weight of the policy", naming: ["--rl-weight is -1"], "--attention", "policy", "--rl-weight=-1"),
        BadInput("a negative warm start", naming: ["--warm-start is -1"], "--attention", "policy", "--warm-start=-1"),
        BadInput("a policy's option without one", naming: ["--warm-start", "policy", "energy"], "--attention", "energy", "--warm-start", "2"),
        BadInput("a model frozen with nobody to learn", naming: ["--freeze", "--attention token-policy or policy"], "--attention", "random", "--freeze"),
        BadInput("an energy above 1", naming: ["--energy is 1.5"], "--attention", "energy", "--energy", "1.5"),
        BadInput("an energy of 0", naming: ["--energy is 0"], "--attention", "energy", "--energy", "0"),
        BadInput("an energy that is no number", naming: ["--energy is nan"], "--attention", "energy", "--energy", "nan"),
        BadInput("an energy for random attention", naming: ["--energy", "random"], "--attention", "random", "--energy", "0.9"),
        BadInput("an unknown basis", naming: ["--basis own", "resident or online"], "--attention", "random", "--basis", "own"),
        BadInput("a basis for full attention", naming: ["--basis", "not full"], "--attention", "full", "--basis", "online"),
        BadInput("no features", naming: ["--features is 0", "4096"], "--attention", "performer", "--features", "0"),
        BadInput("too many features", naming: ["--features is 5000"], "--attention", "performer", "--features", "5000"),
        BadInput("features for full attention", naming: ["--features", "performer", "full"], "--features", "8"),
        BadInput(
            "more landmarks than tokens", naming: ["--landmarks is 17", "16 tokens"],
            "--attention", "nystrom", "--segment", "16", "--landmarks", "17"),
        BadInput("no landmarks", naming: ["--landmarks is 0"], "--attention", "nystrom", "--landmarks", "0"),
        BadInput(
            "landmarks for performer", naming: ["--landmarks", "nystrom", "performer"],
            "--attention", "performer", "--landmarks", "4"),
        BadInput("a rank for nystrom", naming: ["--rank", "fixed", "nystrom"], "--attention", "nystrom", "--rank", "8"),
    ]

    @Test(arguments: inputs) func withoutMPIRun(input: BadInput) async throws {
        let run = try SmallRun()
        let outcome = try await run.trainAlone(["--steps", "2"] + input.options(run.scratch))
        expectRefused(outcome, input.named)
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
    }

    @Test(arguments: inputs) func onTwoRanks(input: BadInput) async throws {
        let run = try SmallRun()
        // All ranks leave at once, so mpirun need not wait for any.
        let flags = ["--mca", "odls_base_sigkill_timeout", "0"]
        let outcome = try await run.train(on: GridShape(2, 1), ["--steps", "2"] + input.options(run.scratch), flags: flags)
        expectRefused(outcome, input.named)
    }

    /// A step wider than any number is a list of one level.
    @Test func aRankStepBeyondAllRanksIsTheFirstAlone() async throws {
        let run = try SmallRun()
        let outcome = try await run.trainAlone([
            "--steps", "1", "--attention", "random", "--rank-min", "8", "--rank-max", "16", "--rank-step", "\(Int.max)",
        ])
        #expect(outcome.succeeded && outcome.output.contains("levels 8:8,"), "\(outcome)")
    }
}
