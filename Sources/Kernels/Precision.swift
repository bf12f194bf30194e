import CKernels
import Synchronization

/// In what the products of a model's linear maps are made. All else is float32: attention, norms,
/// sums of products, weights, gradients, moments.
public enum Precision: String, CaseIterable, Codable, Sendable {
    case float32
    /// Both factors are rounded to bfloat16 (8 bits of significand, nearest, ties to even) as they are packed. CPUs with
    /// bfloat16 of their own take subnormal numbers for zero.
    case bf16

    /// Whether this CPU multiplies bfloat16 itself (AVX-512 BF16); else products of the rounded values are made in float32.
    public static let hasNativeBF16 = drrl_supports_bf16()
}

/// Memory for packed operands: lent to one product at a time, kept for the next.
final class PackingRoom: Sendable {
    static let shared = PackingRoom()
    private let idle = Mutex<[Buffer<UInt32>]>([])

    func lend(_ body: (Buffer<UInt32>) -> Void) {
        let room = idle.withLock { $0.popLast() } ?? Buffer(uninitialized: drrl_bf16_work())
        body(room)
        idle.withLock { $0.append(room) }
    }
}

extension Matrix {
    /// self ← A · B, or += where `adding`, A and B rounded to bfloat16 and possibly transposed; on one thread.
    func multiplyRounded(_ a: Matrix, _ b: Matrix, adding: Bool) {
        var product = drrl_bf16_product(
            m: rows, n: columns, k: a.columns, a: a.pointer, lda: a.stride, a_transposed: a.isTransposed, b: b.pointer,
            ldb: b.stride, b_transposed: b.isTransposed, c: pointer, ldc: stride, add: adding)
        PackingRoom.shared.lend {
            drrl_bf16_gemm(InstructionSet.widest.selector, Precision.hasNativeBF16, &product, $0.pointer)
        }
    }
}

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
