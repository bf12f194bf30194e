/// Whether no element is infinite or NaN.
public func areFinite(_ values: Buffer<Float>) -> Bool { sumIsFinite(values) }

/// Whether no element is infinite or NaN.
public func areFinite(_ values: Buffer<Double>) -> Bool { sumIsFinite(values) }

/// Sums 0 times each element, which is NaN for those that are not finite, 16 at once.
private func sumIsFinite<Element: BinaryFloatingPoint & SIMDScalar & BitwiseCopyable>(_ values: Buffer<Element>) -> Bool {
    let elements = UnsafeRawPointer(values.pointer), stride = MemoryLayout<Element>.stride
    let whole = values.count - values.count % 16
    var sums = SIMD16<Element>()
    for first in Swift.stride(from: 0, to: whole, by: 16) {
        sums += elements.loadUnaligned(fromByteOffset: first * stride, as: SIMD16<Element>.self) * 0
    }
    return sums == SIMD16<Element>() && (whole..<values.count).allSatisfy { values[$0].isFinite }
}
