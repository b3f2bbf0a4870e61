using System.Collections.Frozen;
using System.Reflection;
using AgentBudget.Ledger;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Grains.Abstractions;

/// <summary>
/// A command as bytes: the name of its record, then its fields in the order of its constructor. Bytes that end early
/// are of a release that did not have the last fields yet; these get their default.
/// </summary>
internal static class CommandBytes
{
    private static readonly FrozenDictionary<string, Shape> Shapes = typeof(Command).Assembly.GetTypes()
        .Where(type => type.IsSubclassOf(typeof(Command)) && !type.IsAbstract)
        .Select(type => new Shape(type))
        .ToFrozenDictionary(shape => shape.Name, StringComparer.Ordinal);

    /// <summary>Kinds of commands that have a shape.</summary>
    internal static IEnumerable<string> Names => Shapes.Keys;

    internal static byte[] Of(Command command)
    {
        using MemoryStream bytes = new();
        using (CodedOutputStream output = new(bytes, leaveOpen: true))
        {
            Shape shape = Shapes[command.GetType().Name];
            output.WriteString(shape.Name);
            shape.Write(output, command);
        }

        return bytes.ToArray();
    }

    internal static Command Read(byte[] bytes)
    {
        using CodedInputStream input = new(bytes);
        string name = input.ReadString();
        if (!Shapes.TryGetValue(name, out Shape? shape))
            throw new InvalidDataException($"a command of an unknown kind: {name}");
        return (Command)shape.Read(input);
    }

    /// <summary>A record and its fields.</summary>
    private sealed class Shape
    {
        private readonly ConstructorInfo _constructor;

        public Shape(Type type)
        {
            Name = type.Name;
            _constructor = type.GetConstructors().Single();
            Fields =
            [
                .. _constructor.GetParameters().Select(
                    parameter => new FieldShape(type.GetProperty(parameter.Name!)!, parameter)),
            ];
        }

        public string Name { get; }

        private FieldShape[] Fields { get; }

        public void Write(CodedOutputStream output, object record)
        {
            foreach (FieldShape field in Fields) field.Write(output, record);
        }

        public object Read(CodedInputStream input) => _constructor.Invoke(
            [.. Fields.Select(field => input.IsAtEnd ? field.Default : field.Read(input))]);
    }

    private sealed class FieldShape(PropertyInfo property, ParameterInfo parameter)
    {
        private readonly MessageParser? _parser = ParserOf(property.PropertyType);

        // A record of the ledger that is no message.
        private readonly Shape? _part = property.PropertyType.Assembly == typeof(Command).Assembly
            ? new Shape(property.PropertyType)
            : null;

        public object? Default => parameter.HasDefaultValue ? parameter.DefaultValue : null;

        public void Write(CodedOutputStream output, object record)
        {
            object? value = property.GetValue(record);
            output.WriteBool(value is not null);
            switch (value)
            {
                case null:
                    break;
                case long number:
                    output.WriteInt64(number);
                    break;
                case bool flag:
                    output.WriteBool(flag);
                    break;
                case string text:
                    output.WriteString(text);
                    break;
                case ByteString bytes:
                    output.WriteBytes(bytes);
                    break;
                case IMessage message:
                    output.WriteMessage(message);
                    break;
                case IReadOnlyList<string> texts:
                    output.WriteInt32(texts.Count);
                    foreach (string text in texts) output.WriteString(text);
                    break;
                case IReadOnlyList<long> numbers:
                    output.WriteInt32(numbers.Count);
                    foreach (long number in numbers) output.WriteInt64(number);
                    break;
                case not null when _part is not null:
                    output.WriteBytes(BytesOf(value));
                    break;
                default:
                    throw new InvalidDataException($"{property.DeclaringType!.Name}.{property.Name} cannot travel");
            }
        }

        public object? Read(CodedInputStream input)
        {
            if (!input.ReadBool()) return null;
            if (property.PropertyType == typeof(long)) return input.ReadInt64();
            if (property.PropertyType == typeof(bool)) return input.ReadBool();
            if (property.PropertyType == typeof(string)) return input.ReadString();
            if (property.PropertyType == typeof(ByteString)) return input.ReadBytes();
            if (_parser is not null) return _parser.ParseFrom(input.ReadBytes());
            if (_part is not null) return _part.Read(input.ReadBytes().CreateCodedInput());
            int count = input.ReadInt32();
            return property.PropertyType == typeof(IReadOnlyList<long>)
                ? Enumerable.Range(0, count).Select(_ => input.ReadInt64()).ToArray()
                : Enumerable.Range(0, count).Select(_ => input.ReadString()).ToArray();
        }

        private ByteString BytesOf(object part)
        {
            using MemoryStream bytes = new();
            using (CodedOutputStream output = new(bytes, leaveOpen: true)) _part!.Write(output, part);
            return ByteString.CopyFrom(bytes.GetBuffer(), 0, (int)bytes.Length);
        }

        private static MessageParser? ParserOf(Type type) => typeof(IMessage).IsAssignableFrom(type)
            ? ((MessageDescriptor)type.GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)!
                .GetValue(null)!).Parser
            : null;
    }
}
