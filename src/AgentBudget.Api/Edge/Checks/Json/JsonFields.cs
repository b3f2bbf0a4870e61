using System.Collections.Concurrent;
using System.Collections.Frozen;
using Google.Protobuf.Reflection;

namespace AgentBudget.Api.Edge.Checks.Json;

/// <summary>The members that a message has in JSON: its fields by their JSON names and by their own.</summary>
internal static class JsonFields
{
    private static readonly ConcurrentDictionary<MessageDescriptor, FrozenDictionary<string, FieldDescriptor>> Known =
        [];

    internal static FieldDescriptor? Find(MessageDescriptor type, string name) =>
        Known.GetOrAdd(type, static type => NamesOf(type)).GetValueOrDefault(name);

    private static FrozenDictionary<string, FieldDescriptor> NamesOf(MessageDescriptor type)
    {
        Dictionary<string, FieldDescriptor> names = [];
        foreach (FieldDescriptor field in type.Fields.InDeclarationOrder())
        {
            names[field.JsonName] = field;
            names[field.Name] = field;
        }

        return names.ToFrozenDictionary();
    }
}
