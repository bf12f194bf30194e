import CMPI

/// A type whose values MPI moves and reduces.
public protocol MPIElement: BitwiseCopyable, Sendable {
    /// MPI's name for the type.
    static var datatype: MPIDatatype { get }
}

/// MPI's handle for an element type; only this module makes them.
public struct MPIDatatype: @unchecked Sendable {
    let handle: MPI_Datatype
}

extension Float: MPIElement {
    public static var datatype: MPIDatatype { MPIDatatype(handle: drrl_mpi_float()) }
}

extension Double: MPIElement {
    public static var datatype: MPIDatatype { MPIDatatype(handle: drrl_mpi_double()) }
}

extension Int32: MPIElement {
    public static var datatype: MPIDatatype { MPIDatatype(handle: drrl_mpi_int32()) }
}

extension Int64: MPIElement {
    public static var datatype: MPIDatatype { MPIDatatype(handle: drrl_mpi_int64()) }
}

extension UInt8: MPIElement {
    public static var datatype: MPIDatatype { MPIDatatype(handle: drrl_mpi_uint8()) }
}

/// How a reduction joins the values of all ranks, element by element.
///
/// The order of a floating-point sum is MPI's own and changes with the number of ranks.
public enum ReductionOperation: Sendable, CaseIterable {
    case sum, max, min

    var handle: MPI_Op {
        switch self {
        case .sum: drrl_mpi_sum()
        case .max: drrl_mpi_max()
        case .min: drrl_mpi_min()
        }
    }
}
