using System.Collections;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Grains.Tests.Support;

/// <summary>Values of which none is a default, from a seed: a field that is forgotten shows.</summary>
internal sealed class RandomValues(int seed)
{
    private const int DepthMax = 4;

    private readonly Random _random = new(seed);

    public long Number() => _random.NextInt64(1, long.MaxValue);

    public string Text() => $"t{_random.Next()}ü";

    public ByteString Bytes()
    {
        byte[] bytes = new byte[_random.Next(1, 40)];
        _random.NextBytes(bytes);
        return ByteString.CopyFrom(bytes);
    }

    /// <summary>
    /// A message with every field set and one of each oneof, some levels deep. At the first level the seeds take the
    /// fields of a oneof in turn.
    /// </summary>
    public IMessage Message(MessageDescriptor type, int depth = 0)
    {
        IMessage message = type.Parser.ParseFrom([]);
        HashSet<FieldDescriptor> chosen = [.. type.Oneofs.Where(oneof => !oneof.IsSynthetic).Select(
            oneof => Choose([.. oneof.Fields.Where(field => IsWithin(field, depth))], depth))];
        foreach (FieldDescriptor field in type.Fields.InFieldNumberOrder())
        {
            if (!IsWithin(field, depth) || (field.RealContainingOneof is not null && !chosen.Contains(field))) continue;
            if (field.IsMap) AddEntries((IDictionary)field.Accessor.GetValue(message), field, depth);
            else if (field.IsRepeated) AddItems((IList)field.Accessor.GetValue(message), field, depth);
            else field.Accessor.SetValue(message, Value(field, depth));
        }

        return message;
    }

    private static bool IsWithin(FieldDescriptor field, int depth) =>
        depth < DepthMax || field.FieldType != FieldType.Message;

    private FieldDescriptor Choose(FieldDescriptor[] fields, int depth) =>
        fields[depth == 0 ? seed % fields.Length : _random.Next(fields.Length)];

    private void AddEntries(IDictionary entries, FieldDescriptor field, int depth)
    {
        FieldDescriptor value = field.MessageType.FindFieldByNumber(2);
        for (int count = 0; count < 2; count++)
            entries.Add(Value(field.MessageType.FindFieldByNumber(1), depth), Value(value, depth));
    }

    private void AddItems(IList items, FieldDescriptor field, int depth)
    {
        for (int count = 0; count < 2; count++) items.Add(Value(field, depth));
    }

    private object Value(FieldDescriptor field, int depth) => field.FieldType switch
    {
        FieldType.Bool => true,
        FieldType.String => Text(),
        FieldType.Bytes => Bytes(),
        FieldType.Double => _random.NextDouble() + 1,
        FieldType.Float => _random.NextSingle() + 1,
        FieldType.Enum => field.EnumType.Values[^1].Number,
        FieldType.Message or FieldType.Group => Message(field.MessageType, depth + 1),
        FieldType.Int32 or FieldType.SInt32 or FieldType.SFixed32 => _random.Next(1, int.MaxValue),
        FieldType.UInt32 or FieldType.Fixed32 => (uint)_random.Next(1, int.MaxValue),
        FieldType.UInt64 or FieldType.Fixed64 => (ulong)Number(),
        FieldType.Int64 or FieldType.SInt64 or FieldType.SFixed64 => Number(),
        _ => throw new InvalidOperationException($"a field of type {field.FieldType}"),
    };
}
