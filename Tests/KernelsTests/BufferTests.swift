import Kernels
import Testing

@Suite struct BufferTests {
    @Test(arguments: [0, 1, 7, 1 << 20])
    func memoryIsAlignedAndFilled(count: Int) {
        let buffer = Buffer<Float>(count: count, repeating: 2.5)
        #expect(buffer.count == count)
        #expect(Int(bitPattern: buffer.pointer) % 64 == 0)
        #expect(buffer.array == [Float](repeating: 2.5, count: count))
        #expect(buffer.bytes.count == 4 * count)
    }

    @Test func copiesAndSlicesShareElements() {
        let buffer = Buffer<Int32>([10, 11, 12, 13, 14])
        let copy = buffer
        let middle = buffer[1..<4]
        middle[0] = 21
        copy[4] = 24
        #expect(buffer.array == [10, 21, 12, 13, 24])
        #expect(middle.array == [21, 12, 13])
        #expect(middle[1..<3].array == [12, 13])
        #expect(buffer[5..<5].array.isEmpty)
    }

    @Test func aSliceKeepsTheMemoryAlive() {
        func tail() -> Buffer<Double> { Buffer<Double>([1, 2, 3, 4])[2..<4] }
        let kept = tail()
        // New memory would land on what was freed too early.
        let others = (0..<64).map { _ in Buffer<Double>(count: 4, repeating: -1) }
        #expect(kept.array == [3, 4])
        #expect(others.count == 64)
    }

    @Test func fillAndCopyStayInsideASlice() {
        let buffer = Buffer<Float>(count: 6, repeating: 0)
        buffer[1..<3].fill(1)
        buffer[3..<5].copy(from: Buffer<Float>([7, 8]))
        #expect(buffer.array == [0, 1, 1, 7, 8, 0])
    }

    @Test func bytesAreThoseOfTheElements() {
        let buffer = Buffer<UInt32>([0x0403_0201, 0x0807_0605])
        #expect(Array(buffer.bytes) == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(Array(buffer[1..<2].bytes) == [5, 6, 7, 8])
    }

    @Test func accessOutsideTraps() async {
        await #expect(processExitsWith: .failure) { _ = Buffer<Float>(count: 3, repeating: 0)[3] }
        await #expect(processExitsWith: .failure) { Buffer<Float>(count: 3, repeating: 0)[0..<2][2] = 1 }
        await #expect(processExitsWith: .failure) { _ = Buffer<Float>(count: 3, repeating: 0)[2..<4] }
        await #expect(processExitsWith: .failure) {
            Buffer<Float>(count: 3, repeating: 0).copy(from: Buffer<Float>(count: 2, repeating: 0))
        }
    }
}
