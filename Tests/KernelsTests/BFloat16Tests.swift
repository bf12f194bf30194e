import CKernels
import Kernels
import Testing

/// What multiplies bfloat16: the CPU itself, or float32 in one of the instruction sets.
struct BFloat16Unit: CustomTestStringConvertible {
    let set: InstructionSet
    let isNative: Bool

    static let all = InstructionSet.available.map { BFloat16Unit(set: $0, isNative: false) }
        + (Precision.hasNativeBF16 ? [BFloat16Unit(set: .avx512, isNative: true)] : [])

    var testDescription: String { isNative ? "native" : "\(set)" }

    func multiply(_ product: drrl_bf16_product) {
        let work = Buffer<UInt32>(count: drrl_bf16_work(), repeating: .max)
        var product = product
        drrl_bf16_gemm(set.selector, isNative, &product, work.pointer)
    }
}

@Suite struct BFloat16Tests {
    /// The nearest bfloat16, ties to even, from the definition: 8 bits of significand.
    private static func rounded(_ x: Float) -> Float {
        guard x != 0, x.isFinite else { return x }
        let unit = Float(sign: .plus, exponent: x.exponent - 7, significand: 1)
        return (x / unit).rounded(.toNearestOrEven) * unit
    }

    private struct Operand {
        let values: Buffer<Float>
        let rows, columns, stride: Int
        let isTransposed: Bool

        /// op(x): rows × columns.
        init(_ rows: Int, _ columns: Int, transposed: Bool, extra: Int, seed: UInt64) {
            let (height, width) = transposed ? (columns, rows) : (rows, columns)
            stride = width + extra
            values = Buffer(SampleValues.uniform(height * stride, seed: seed))
            (self.rows, self.columns, isTransposed) = (rows, columns, transposed)
        }

        subscript(i: Int, j: Int) -> Float { values[isTransposed ? j * stride + i : i * stride + j] }

        var matrix: Matrix {
            let whole = Matrix(
                values, rows: isTransposed ? columns : rows, columns: isTransposed ? rows : columns, stride: stride)
            return isTransposed ? whole.transposed : whole
        }
    }

    private static func product(_ a: Operand, _ b: Operand, into c: Buffer<Float>, stride: Int, add: Bool) -> drrl_bf16_product {
        drrl_bf16_product(
            m: a.rows, n: b.columns, k: a.columns, a: a.values.pointer, lda: a.stride, a_transposed: a.isTransposed,
            b: b.values.pointer, ldb: b.stride, b_transposed: b.isTransposed, c: c.pointer, ldc: stride, add: add)
    }

    /// Blocks of 12 × 32, parts of sums of 768, packed parts of 240 × 3072: below, at and beyond each.
    @Test(arguments: BFloat16Unit.all, [
        [1, 1, 1], [12, 32, 2], [13, 33, 3], [5, 70, 31], [25, 64, 769], [241, 40, 33], [30, 3100, 17], [7, 9, 1601],
    ])
    func productsAreThoseOfRoundedFactors(unit: BFloat16Unit, shape: [Int]) {
        let (m, n, k) = (shape[0], shape[1], shape[2])
        for (i, (ta, tb)) in [(false, false), (true, false), (false, true), (true, true)].enumerated() {
            let add = i % 2 == (m + n) % 2, ldc = n + 3
            let a = Operand(m, k, transposed: ta, extra: i, seed: 1), b = Operand(k, n, transposed: tb, extra: 2, seed: 2)
            let before = add ? SampleValues.uniform(m * ldc, seed: 3) : [Float](repeating: .nan, count: m * ldc)
            let c = Buffer(before)
            unit.multiply(Self.product(a, b, into: c, stride: ldc, add: add))
            let left = (0..<m).map { i in (0..<k).map { Double(Self.rounded(a[i, $0])) } }
            let right = (0..<n).map { j in (0..<k).map { Double(Self.rounded(b[$0, j])) } }
            var worst = 0.0, isIntact = true
            for i in 0..<m {
                for j in 0..<ldc {
                    let (now, old) = (c[i * ldc + j], before[i * ldc + j])
                    guard j < n else {
                        isIntact = isIntact && (now == old || now.isNaN && old.isNaN)
                        continue
                    }
                    var sum = add ? Double(old) : 0
                    for p in 0..<k { sum += left[i][p] * right[j][p] }
                    let error = abs(sum - Double(now))
                    worst = error <= worst ? worst : error
                }
            }
            #expect(worst <= 3e-7 * Double(k) + 1e-6, "transposed \(ta), \(tb); adding \(add)")
            #expect(isIntact, "transposed \(ta), \(tb)")
        }
    }

    @Test(arguments: BFloat16Unit.all) func factorsAreRoundedToNearestEven(unit: BFloat16Unit) {
        let (below, above): (Float, Float) = (1 + 0x1p-8, 1 + 0x3p-8)
        let cases: [(Float, Float)] = [
            (1, 1), (below, 1), (above, 1 + 0x1p-6), (below.nextUp, 1 + 0x1p-7), (-below, -1), (0x1.fep127, 0x1.fep127),
            (.greatestFiniteMagnitude, .infinity), (-.infinity, -.infinity), (0x1p-126, 0x1p-126), (3.14159274, 3.140625),
        ]
        for isLeft in [true, false] {
            for (x, expected) in cases {
                let factors = (Buffer([isLeft ? x : 1]), Buffer([isLeft ? 1 : x])), c = Buffer<Float>([.nan])
                unit.multiply(drrl_bf16_product(
                    m: 1, n: 1, k: 1, a: factors.0.pointer, lda: 1, a_transposed: false, b: factors.1.pointer, ldb: 1,
                    b_transposed: false, c: c.pointer, ldc: 1, add: false))
                #expect(c[0] == expected, "\(x)")
            }
            // Rounding up the bits of some would give infinity, or minus zero.
            for x in [Float.nan, Float(bitPattern: 0x7F80_0001), Float(bitPattern: 0x7FFF_FFFF)] {
                let (a, b) = (Buffer([isLeft ? x : 1]), Buffer([isLeft ? 1 : x])), c = Buffer<Float>([0])
                unit.multiply(drrl_bf16_product(
                    m: 1, n: 1, k: 1, a: a.pointer, lda: 1, a_transposed: false, b: b.pointer, ldb: 1,
                    b_transposed: false, c: c.pointer, ldc: 1, add: false))
                #expect(c[0].isNaN)
            }
        }
    }

    /// To the last bit, so that threads and micro-batches change nothing.
    @Test(arguments: BFloat16Unit.all) func anElementsSumDoesNotDependOnItsPlace(unit: BFloat16Unit) {
        let (m, n, k) = (50, 70, 1600)
        let a = Operand(m, k, transposed: false, extra: 0, seed: 4), b = Operand(k, n, transposed: true, extra: 0, seed: 5)
        for add in [false, true] {
            let start = SampleValues.uniform(m * n, seed: 6), whole = Buffer(start), parts = Buffer(start)
            unit.multiply(Self.product(a, b, into: whole, stride: n, add: add))
            for (rows, columns) in [(0..<7, 0..<n), (7..<m, 0..<33), (7..<m, 33..<n)] {
                unit.multiply(drrl_bf16_product(
                    m: rows.count, n: columns.count, k: k, a: a.values.pointer + rows.lowerBound * k, lda: k,
                    a_transposed: false, b: b.values.pointer + columns.lowerBound * k, ldb: k, b_transposed: true,
                    c: parts.pointer + rows.lowerBound * n + columns.lowerBound, ldc: n, add: add))
            }
            #expect(whole.array == parts.array)
        }
    }

    @Test func aThreadOfATeamRoundsLikeIt() {
        let team = Team(threads: 3, precision: .bf16)
        #expect(team.solo.precision == .bf16 && team.solo.threads == 1 && team.solo.flops === team.flops)
    }

    @Test func productsRoundWhereTheyAreTold() {
        let (m, n, k) = (40, 90, 100)
        for (ta, tb) in [(false, false), (true, true)] {
            for (m, n) in [(m, n), (n, m)] {
                let a = Operand(m, k, transposed: ta, extra: 1, seed: 7), b = Operand(k, n, transposed: tb, extra: 1, seed: 8)
                func multiply(_ precision: Precision?, threads: Int, _ kind: FlopKind, beta: Float = 0) -> [Float] {
                    // A team's own precision is for those who ask for it.
                    let c = Buffer<Float>(count: m * n, repeating: 1), team = Team(threads: threads, precision: .bf16)
                    let into = Matrix(c, rows: m, columns: n)
                    if let precision {
                        team.gemm(a.matrix, b.matrix, into: into, beta: beta, kind, in: precision)
                    } else {
                        team.gemm(a.matrix, b.matrix, into: into, beta: beta, kind)
                    }
                    #expect(team.flops[kind] == 2 * m * n * k)
                    return c.array
                }
                for kind in FlopKind.allCases {
                    let rounded = multiply(.bf16, threads: 1, kind), whole = multiply(.float32, threads: 1, kind)
                    #expect(rounded != whole && multiply(nil, threads: 1, kind) == whole, "\(kind)")
                    for t in [2, 3] { #expect(multiply(.bf16, threads: t, kind) == rounded) }
                }
                let added = multiply(.bf16, threads: 2, .head, beta: 1), plain = multiply(.bf16, threads: 1, .head)
                #expect(zip(added, plain).allSatisfy { abs($0 - $1 - 1) < 1e-5 })
            }
        }
    }
}
