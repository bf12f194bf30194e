import Kernels

/// The other ranks, as the end of a training step needs them. Every method is collective, and adds up in place.
public protocol Peers {
    /// Which of the replicas of its stage this rank belongs to, and how many there are.
    var replica: Int { get }
    var replicas: Int { get }
    /// Over the replicas of the stage.
    func sumOverReplicas(_ values: Buffer<Double>) throws
    /// Over all ranks.
    func sum(_ values: Buffer<Double>) throws
    func sum(_ values: Buffer<Float>) throws
}

/// One rank by itself.
public struct NoPeers: Peers {
    public init() {}

    public var replica: Int { 0 }
    public var replicas: Int { 1 }
    public func sumOverReplicas(_ values: Buffer<Double>) {}
    public func sum(_ values: Buffer<Double>) {}
    public func sum(_ values: Buffer<Float>) {}
}
