// The element types that a checkpoint may store, under the names of the safetensors format.

/// The type of a stored tensor's elements. The raw value is the type's name in a safetensors
/// header.
public enum ElementType: String, Sendable, CaseIterable {
    case bool = "BOOL"
    case float4 = "F4"
    case float6E2M3 = "F6_E2M3"
    case float6E3M2 = "F6_E3M2"
    case uint8 = "U8"
    case int8 = "I8"
    case float8E5M2 = "F8_E5M2"
    case float8E4M3 = "F8_E4M3"
    case float8E5M2FNUZ = "F8_E5M2FNUZ"
    case float8E4M3FNUZ = "F8_E4M3FNUZ"
    case float8E8M0 = "F8_E8M0"
    case int16 = "I16"
    case uint16 = "U16"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int32 = "I32"
    case uint32 = "U32"
    case float32 = "F32"
    case complex64 = "C64"
    case float64 = "F64"
    case int64 = "I64"
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
