using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Edge.Checks.Json;

/// <summary>The message types that JSON writes in a form of their own.</summary>
internal static class JsonTypes
{
    private static readonly HashSet<MessageDescriptor> Wrappers =
    [
        BoolValue.Descriptor, BytesValue.Descriptor, DoubleValue.Descriptor, FloatValue.Descriptor,
        Int32Value.Descriptor, Int64Value.Descriptor, StringValue.Descriptor, UInt32Value.Descriptor,
        UInt64Value.Descriptor,
    ];

    private static readonly HashSet<MessageDescriptor> Texts =
        [Timestamp.Descriptor, Duration.Descriptor, FieldMask.Descriptor];

    /// <summary>Whether it is written as the one value in it.</summary>
    internal static bool IsWrapper(MessageDescriptor type) => Wrappers.Contains(type);

    /// <summary>The field of a wrapper.</summary>
    internal static FieldDescriptor WrappedBy(MessageDescriptor wrapper) => wrapper.Fields.InDeclarationOrder()[0];

    /// <summary>Whether it is written as a text.</summary>
    internal static bool IsText(MessageDescriptor type) => Texts.Contains(type);

    /// <summary>Whether null is a value of the field, and does not leave it out.</summary>
    internal static bool TakesNull(FieldDescriptor field) =>
        (field.FieldType == FieldType.Message && field.MessageType == Value.Descriptor)
        || (field.FieldType == FieldType.Enum && field.EnumType.FullName == "google.protobuf.NullValue");
}
