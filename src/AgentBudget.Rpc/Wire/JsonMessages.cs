using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;

namespace AgentBudget.Rpc.Wire;

/// <summary>
/// The proto3 JSON form of messages. Fields that the schema does not have are an error on the way in; fields that hold
/// their default are left out on the way out, as the standard has it.
/// </summary>
internal sealed class JsonMessages
{
    // The depth that protobuf's binary parser has as well.
    private const int DepthMax = 100;

    private readonly TypeRegistry _types;
    private readonly JsonParser _parser;
    private readonly JsonFormatter _formatter;

    /// <param name="files">What a <c>google.protobuf.Any</c> inside a message may hold, beside the details of errors.
    /// </param>
    internal JsonMessages(IEnumerable<FileDescriptor> files)
    {
        _types = TypeRegistry.FromFiles(
            [.. files, ErrorDetailsReflection.Descriptor, StatusReflection.Descriptor]);
        _parser = new JsonParser(new JsonParser.Settings(DepthMax, _types));
        _formatter = new JsonFormatter(new JsonFormatter.Settings(formatDefaultValues: false, _types));
    }

    internal IMessage Parse(string json, MessageDescriptor type) => _parser.Parse(json, type);

    /// <summary>The message as UTF-8.</summary>
    internal byte[] Format(IMessage message) => Encoding.UTF8.GetBytes(_formatter.Format(message));

    /// <summary>What is inside an <c>Any</c>, readable; null when its type is not known here.</summary>
    internal byte[]? TryFormatAny(Any packed)
    {
        if (_types.Find(Any.GetTypeName(packed.TypeUrl)) is not MessageDescriptor type)
            return null;
        try
        {
            return Format(type.Parser.ParseFrom(packed.Value));
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }
}
