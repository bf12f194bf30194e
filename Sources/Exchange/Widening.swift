/// A half-precision number (IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction) as float32, exactly.
///
/// - Parameter half: Its bits. A NaN keeps its sign and fraction.
func widened(half: UInt16) -> Float {
    let sign = UInt32(half & 0x8000) << 16
    let exponent = UInt32(half >> 10 & 0x1F)
    let fraction = UInt32(half & 0x3FF)
    switch exponent {
    case 0:
        // Zero and the subnormal numbers: multiples of 2⁻²⁴, which float32 holds as normal numbers.
        let magnitude = Float(fraction) * 0x1p-24
        return Float(bitPattern: sign | magnitude.bitPattern)
    case 0x1F:
        return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default:
        return Float(bitPattern: sign | (exponent + 127 - 15) << 23 | fraction << 13)
    }
}

/// A bfloat16 number, the upper half of a float32, as float32, exactly.
///
/// - Parameter bfloat16: Its bits.
func widened(bfloat16: UInt16) -> Float { Float(bitPattern: UInt32(bfloat16) << 16) }
