// Also Embedded Swift: typed throws, no key paths, no casts.
// The element types that a checkpoint may store, under the names of the safetensors format.

/// The type of a stored tensor's elements. The raw value is the type's name in a safetensors
/// header.
public enum ElementType: String, Sendable, CaseIterable {
    /// A byte, 0 or 1.
    case bool = "BOOL"
    /// 4 bits: 2 of exponent, 1 of mantissa.
    case float4 = "F4"
    /// 6 bits: 2 of exponent, 3 of mantissa.
    case float6E2M3 = "F6_E2M3"
    /// 6 bits: 3 of exponent, 2 of mantissa.
    case float6E3M2 = "F6_E3M2"
    /// 0 to 255.
    case uint8 = "U8"
    /// -128 to 127.
    case int8 = "I8"
    /// 8 bits: 5 of exponent, 2 of mantissa.
    case float8E5M2 = "F8_E5M2"
    /// 8 bits: 4 of exponent, 3 of mantissa.
    case float8E4M3 = "F8_E4M3"
    /// As E5M2, without infinity and negative zero.
    case float8E5M2FNUZ = "F8_E5M2FNUZ"
    /// As E4M3, without infinity and negative zero.
    case float8E4M3FNUZ = "F8_E4M3FNUZ"
    /// 8 bits of exponent.
    case float8E8M0 = "F8_E8M0"
    /// 16 bits, signed.
    case int16 = "I16"
    /// 16 bits, unsigned.
    case uint16 = "U16"
    /// IEEE 754 half precision.
    case float16 = "F16"
    /// The upper half of a float32.
    case bfloat16 = "BF16"
    /// 32 bits, signed.
    case int32 = "I32"
    /// 32 bits, unsigned.
    case uint32 = "U32"
    /// IEEE 754 single precision.
    case float32 = "F32"
    /// Two float32.
    case complex64 = "C64"
    /// IEEE 754 double precision.
    case float64 = "F64"
    /// 64 bits, signed.
    case int64 = "I64"
    /// 64 bits, unsigned.
    case uint64 = "U64"

    /// Bits per element, without padding: the small floats are packed.
    public var bits: Int {
        switch self {
        case .float4: 4
        case .float6E2M3, .float6E3M2: 6
        case .bool, .uint8, .int8, .float8E5M2, .float8E4M3, .float8E5M2FNUZ, .float8E4M3FNUZ,
            .float8E8M0:
            8
        case .int16, .uint16, .float16, .bfloat16: 16
        case .int32, .uint32, .float32: 32
        case .complex64, .float64, .int64, .uint64: 64
        }
    }

    /// Whether this is float32, float16 or bfloat16, whose values are all exact in float32.
    public var widensToFloat32: Bool {
        switch self {
        case .float32, .float16, .bfloat16: true
        default: false
        }
    }
}
