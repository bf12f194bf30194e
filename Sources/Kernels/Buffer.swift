#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A range of aligned memory together with a share in its ownership.
///
/// Copies and slices of a buffer see the same elements; the memory is freed with the last of them.
/// The address never moves, so C may keep it for as long as any copy lives (a nonblocking MPI call does).
/// Indices are checked on every access. Threads must not write the same elements at once.
///
///     let values = Buffer<Float>(count: 6, repeating: 0)
///     let last = values[3..<6]  // the same memory
///     last[0] = 1               // values[3] is 1 now
public struct Buffer<Element: BitwiseCopyable>: @unchecked Sendable {
    @usableFromInline let storage: Storage<Element>
    @usableFromInline let start: UnsafeMutablePointer<Element>
    /// Number of elements.
    public let count: Int

    @usableFromInline
    init(storage: Storage<Element>, start: UnsafeMutablePointer<Element>, count: Int) {
        self.storage = storage
        self.start = start
        self.count = count
    }

    /// New memory, 64-byte aligned, in huge pages where it is large; contents are undefined.
    public init(uninitialized count: Int) {
        let storage = Storage<Element>(count: count)
        self.init(storage: storage, start: storage.base, count: count)
    }

    /// New memory filled with `value`.
    public init(count: Int, repeating value: Element) {
        self.init(uninitialized: count)
        start.update(repeating: value, count: count)
    }

    /// New memory with the elements of `array`.
    public init(_ array: [Element]) {
        self.init(uninitialized: array.count)
        array.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { start.update(from: base, count: count) }
        }
    }

    /// Element `i`, `0 ≤ i < count`.
    @inlinable
    public subscript(i: Int) -> Element {
        get {
            precondition(i >= 0 && i < count, "index \(i) outside a buffer of \(count)")
            return start[i]
        }
        nonmutating set {
            precondition(i >= 0 && i < count, "index \(i) outside a buffer of \(count)")
            start[i] = newValue
        }
    }

    /// The same memory, elements `range`.
    @inlinable
    public subscript(range: Range<Int>) -> Buffer {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= count,
            "range \(range) outside a buffer of \(count)")
        return Buffer(storage: storage, start: start + range.lowerBound, count: range.count)
    }

    /// The elements, copied.
    public var array: [Element] { Array(UnsafeBufferPointer(start: start, count: count)) }

    /// Sets every element to `value`.
    public func fill(_ value: Element) { start.update(repeating: value, count: count) }

    /// Copies the elements of `source`, which has the same count.
    public func copy(from source: Buffer) {
        precondition(source.count == count, "copy of \(source.count) elements into \(count)")
        start.update(from: source.start, count: count)
    }

    /// The first element's address, for kernels and shims; good while a variable holds the buffer, so take it of
    /// a variable and never of a temporary.
    @inlinable
    public var pointer: UnsafeMutablePointer<Element> { start }

    /// The bytes, for files and checksums; good while a variable holds the buffer.
    public var bytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: start, count: count * MemoryLayout<Element>.stride)
    }
}

extension Buffer {
    /// Calls `body` with the bytes, which stay allocated until it returns.
    ///
    /// - Throws: what `body` throws.
    package func withBytes<Result, Failure>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(bytes)
    }
}

@usableFromInline
final class Storage<Element: BitwiseCopyable> {
    @usableFromInline let base: UnsafeMutablePointer<Element>

    init(count: Int) {
        precondition(count >= 0, "a buffer of \(count) elements")
        let bytes = max(count * MemoryLayout<Element>.stride, 64)
        let hugePage = 2 << 20
        let isLarge = bytes >= 2 * hugePage
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: bytes, alignment: isLarge ? hugePage : 64)
        if isLarge {
            // Advice only: where the kernel has no huge pages, small ones serve.
            _ = madvise(raw, bytes, MADV_HUGEPAGE)
        }
        base = raw.bindMemory(to: Element.self, capacity: count)
    }

    deinit { UnsafeMutableRawPointer(base).deallocate() }
}

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
