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
        private readonly ValueShape _value = ValueShape.Of(property.PropertyType);

        public object? Default => parameter.HasDefaultValue ? parameter.DefaultValue : null;

        public void Write(CodedOutputStream output, object record)
        {
            object? value = property.GetValue(record);
            output.WriteBool(value is not null);
            if (value is not null) _value.Write(output, value);
        }

        public object? Read(CodedInputStream input) => input.ReadBool() ? _value.Read(input) : null;
    }

    /// <summary>How values of one type are written and read.</summary>
    private sealed record ValueShape(Action<CodedOutputStream, object> Write, Func<CodedInputStream, object> Read)
    {
        public static ValueShape Of(Type type) => type switch
        {
            _ when type == typeof(long) =>
                new((output, value) => output.WriteInt64((long)value), input => input.ReadInt64()),
            _ when type == typeof(bool) =>
                new((output, value) => output.WriteBool((bool)value), input => input.ReadBool()),
            _ when type == typeof(string) =>
                new((output, value) => output.WriteString((string)value), input => input.ReadString()),
            _ when type == typeof(ByteString) =>
                new((output, value) => output.WriteBytes((ByteString)value), input => input.ReadBytes()),
            _ when typeof(IMessage).IsAssignableFrom(type) => OfMessage(type),
            _ when type.Assembly == typeof(Command).Assembly => OfRecord(new Shape(type)),
            { IsGenericType: true } when type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) =>
                OfList(type.GenericTypeArguments[0]),
            _ => throw new InvalidDataException($"values of {type} cannot travel"),
        };

        private static ValueShape OfMessage(Type type)
        {
            PropertyInfo descriptor = type.GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)!;
            MessageParser parser = ((MessageDescriptor)descriptor.GetValue(null)!).Parser;
            return new(
                (output, value) => output.WriteMessage((IMessage)value), input => parser.ParseFrom(input.ReadBytes()));
        }

        // Behind its length, so that a release that knows fewer fields of it reads on behind it.
        private static ValueShape OfRecord(Shape shape) => new(
            (output, value) =>
            {
                using MemoryStream bytes = new();
                using (CodedOutputStream part = new(bytes, leaveOpen: true)) shape.Write(part, value);
                output.WriteBytes(ByteString.CopyFrom(bytes.GetBuffer(), 0, (int)bytes.Length));
            },
            input => shape.Read(input.ReadBytes().CreateCodedInput()));

        private static ValueShape OfList(Type type)
        {
            ValueShape element = Of(type);
            return new(
                (output, value) =>
                {
                    var list = (System.Collections.IEnumerable)value;
                    output.WriteInt32(list.Cast<object>().Count());
                    foreach (object one in list) element.Write(output, one);
                },
                input =>
                {
                    int count = input.ReadInt32();
                    if (count < 0) throw new InvalidDataException("a list of a negative length");
                    List<object> read = [];
                    while (read.Count < count) read.Add(element.Read(input));
                    var list = Array.CreateInstance(type, count);
                    for (int place = 0; place < count; place++) list.SetValue(read[place], place);
                    return list;
                });
        }
    }
}
