import Foundation
import Runs
import TestSupport
import Testing

/// launch/slurm.sbatch with stand-ins for srun, scontrol and, at its odd moments, drrl-train: Slurm sends one signal, and the
/// job is queued again if there is more to do.
@Suite(.serialized)
struct BatchJobTests {
    private static let script = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("launch/slurm.sbatch").path
    private static let endless = ["--steps", "1000000", "--checkpoint-every", "0"]

    /// Runs a job whose drrl-train is `program` in bash, with the real one as $TRAIN, and sends the signal once `moment` holds;
    /// `program` tells of its moments by the file "now". Returns also whether the job was queued again.
    private func job(
        _ run: SmallRun, _ program: String, _ options: [String], srun: Bool = true,
        at moment: @Sendable @escaping (SmallRun) -> Bool = { $0.scratch.names.contains("now") }
    ) async throws -> (outcome: Outcome, queuedAgain: Bool) {
        let place = run.scratch.path
        for directory in ["bin", ".build/release"] {
            try FileManager.default.createDirectory(atPath: place + "/" + directory, withIntermediateDirectories: true)
        }
        for (name, text) in [
            (".build/release/drrl-train", program),
            ("bin/srun", srun ? #"[ "$1" = --mpi=list ] && { echo pmix; exit; }; shift; exec "$@""# : "exit 1"),
            ("bin/scontrol", #"echo "$*" >> queued"#),
        ] {
            let path = try run.scratch.write("#!/bin/bash\n\(text)\n", to: name)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        let outcome = try await TestSupport.run(
            URL(fileURLWithPath: "/bin/bash"), [Self.script] + run.arguments(options),
            environment: MPIRun.environment.merging([
                "PATH": place + "/bin:" + (ProcessInfo.processInfo.environment["PATH"] ?? ""), "SLURM_JOB_ID": "77",
                "SLURM_NTASKS": "2", "SLURM_SUBMIT_DIR": place, "TRAIN": BuiltProduct.url(named: "drrl-train").path,
                "OMPI_MCA_rmaps_base_oversubscribe": "1",
            ]) { $1 }, timeout: 120
        ) { command in
            try command.wait(for: "moment of the signal") { moment(run) }
            command.send(signal: SIGUSR1)
        }
        let queued = try? String(contentsOfFile: place + "/queued", encoding: .utf8)
        #expect(queued == nil || queued == "requeue 77\n")
        return (outcome, queued != nil)
    }

    @Test(.enabled(if: MPIRun.isInstalled, "mpirun is not installed")) func savedForTheSignal() async throws {
        let run = try SmallRun()
        let (outcome, queuedAgain) = try await job(
            run, #"exec "$TRAIN" "$@""#, Self.endless, srun: false, at: { $0.metricsCount >= 3 })
        #expect(outcome.succeeded && queuedAgain, "\(outcome)")
        let last = try #require(run.metrics().last?.step)
        #expect(try run.checkpointSteps() == [last], "\(outcome)")
    }

    @Test func signalIsSentAgain() async throws {
        let run = try SmallRun()
        let (outcome, queuedAgain) = try await job(
            run, #"trap "" USR1; touch now; sleep 1.5; exec "$TRAIN" "$@""#, Self.endless)
        #expect(outcome.succeeded && queuedAgain, "\(outcome)")
        let last = try #require(run.metrics().last?.step)
        #expect(try run.checkpointSteps() == [last], "\(outcome)")
    }

    @Test func killedBeforeAHandlerStood() async throws {
        let (outcome, queuedAgain) = try await job(SmallRun(), "touch now; exec sleep 60", Self.endless)
        #expect(outcome.succeeded && queuedAgain, "\(outcome)")
    }

    /// The signal comes when all is saved: to one that takes no notice, and to one that dies of it.
    @Test(arguments: [#"trap "" USR1; "$TRAIN" "$@"; touch now; sleep 1.5"#, #""$TRAIN" "$@"; touch now; exec sleep 60"#])
    func endedByItself(program: String) async throws {
        let (outcome, queuedAgain) = try await job(SmallRun(), program, ["--steps", "3"])
        #expect(outcome.succeeded && !queuedAgain, "\(outcome)")
    }

    @Test func failed() async throws {
        let (outcome, queuedAgain) = try await job(SmallRun(), #"trap "" USR1; touch now; sleep 1.5; exit 3"#, Self.endless)
        #expect(outcome.status == 3 && !queuedAgain, "\(outcome)")
    }
}
