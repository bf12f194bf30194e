import Communicator

// Started as `communicator-probe SCENARIO`, alone or under mpirun. Each scenario checks what it got and
// throws on a mismatch; the job then ends with status 3 and a line that names the rank.

let name = CommandLine.arguments.dropFirst().first ?? ""
guard let scenario = scenarios[name] else {
    MPISession.abort(code: 64, reason: "no scenario '\(name)'; there are \(scenarios.keys.sorted())")
}
do {
    if name == "stop-signal" { try StopSignal.install() }
    let session = try MPISession()
    let world = session.world
    try scenario(world)
    try session.finalize()
    if name == "after-finalize" { try checkAfterFinalize(world) }
    if world.rank == 0 { print("passed \(name)") }
} catch {
    MPISession.abort(code: 3, reason: "\(error)")
}
