import Communicator
import Foundation
import Kernels

/// A process without mpirun is a world of one.
func singleton(_ world: borrowing Communicator) throws {
    try expectEqual([world.rank, world.size], [0, 1], "rank and size")
    try expect(MPISession.isActive, "not active")
    try expect(try MPISession.libraryVersion.contains("MPI"), "library version")
    try expect(try Affinity.usableCores() >= 1, "usable cores")
    try expectEqual(try world.allreduce(Float(3), .sum), 3, "sum")
    try expectEqual(try world.gather("alone", root: 0), ["alone"], "texts")
    try expectRefusal(.other, "initialised before") { () throws(MPIError) in _ = try MPISession() }
}

/// A communicator that outlives MPI frees nothing; a rank that goes on learns what is wrong.
func afterFinalize(_ world: borrowing Communicator) throws {
    survivor.communicator = try world.duplicate(name: "survivor")
}

func checkAfterFinalize(_ world: borrowing Communicator) throws {
    try expect(!MPISession.isActive, "still active")
    try expectRefusal(.other, "MPI is finalised") { () throws(MPIError) in try world.barrier() }
    survivor.communicator = nil
    try expectRefusal(.other, "initialised before") { () throws(MPIError) in _ = try MPISession() }
}

private let survivor = Box()

/// FUNNELED: another thread may not call MPI, not even to free a communicator.
func otherThread(_ world: borrowing Communicator) throws {
    let box = Box()
    box.communicator = try world.duplicate(name: "copy")
    let isDone = DispatchSemaphore(value: 0)
    Thread {
        do throws(MPIError) { try box.communicator?.barrier() } catch { box.text = "\(error)" }
        box.communicator = nil
        isDone.signal()
    }.start()
    isDone.wait()
    try expect(box.text.contains("barrier on copy (rank 0): called off the thread"), "error: '\(box.text)'")
}

/// Carries a communicator past the compiler, which would keep it on its thread.
private final class Box: @unchecked Sendable {
    var communicator: Communicator?
    var text = ""
}
