import CKernels

/// Vector instructions that kernels with blocks of their own are compiled for.
public enum InstructionSet: UInt32, CaseIterable, Sendable {
    case baseline, avx2, avx512

    /// Those that this CPU has, the widest last.
    public static let available = allCases.filter { drrl_supports($0.selector) }
    /// The widest that this CPU has.
    public static let widest = available.last ?? .baseline

    /// As kernels take it.
    package var selector: drrl_instruction_set { drrl_instruction_set(rawValue) }
}
