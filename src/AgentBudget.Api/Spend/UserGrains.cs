using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Api.Spend;

/// <summary>
/// Names of grains that say for which user they are, wherever an event has one: for readers that may not read users.
/// </summary>
internal static class UserGrains
{
    private const string Hidden = "-";

    /// <summary>Whether one is in a message.</summary>
    internal static bool AreIn(IMessage message) => Visit(message, hides: false);

    /// <summary>Hides the users, in place.</summary>
    internal static void Hide(IMessage message) => Visit(message, hides: true);

    // A catalog is read by who reads catalogs, and has no such names.
    private static bool Visit(IMessage message, bool hides)
    {
        bool isFound = false;
        foreach (FieldDescriptor field in message.Descriptor.Fields.InDeclarationOrder())
        {
            if (field.IsMap || field.MessageTypeIs(Catalog.Descriptor))
                continue;
            if (field.FieldType == FieldType.String && field.Name is "grain" or "grains" or "agent" or "suspended")
                isFound |= VisitNames(message, field, hides);
            else if (field.FieldType == FieldType.Message)
                isFound |= VisitMessages(field.Accessor.GetValue(message), hides);
            if (isFound && !hides)
                return true;
        }

        return isFound;
    }

    private static bool VisitMessages(object? value, bool hides)
    {
        bool isFound = false;
        if (value is IMessage message)
            return Visit(message, hides);
        foreach (object item in value as System.Collections.IList ?? Array.Empty<object>())
            isFound |= item is IMessage one && Visit(one, hides);
        return isFound;
    }

    private static bool VisitNames(IMessage message, FieldDescriptor field, bool hides)
    {
        if (field.IsRepeated)
        {
            var names = (IList<string>)field.Accessor.GetValue(message);
            bool isFound = false;
            for (int index = 0; index < names.Count; index++)
            {
                if (HiddenOf(names[index]) is not { } hidden)
                    continue;
                isFound = true;
                if (hides)
                    names[index] = hidden;
            }

            return isFound;
        }

        if (HiddenOf((string)field.Accessor.GetValue(message)) is not { } name)
            return false;
        if (hides)
            field.Accessor.SetValue(message, name);
        return true;
    }

    private static string? HiddenOf(string grain) =>
        Names.TryParsePart(grain, out string account, out string infix, out _) && infix == Names.UsersInfix
            ? Names.User(account, Hidden)
            : null;

    private static bool MessageTypeIs(this FieldDescriptor field, MessageDescriptor type) =>
        field.FieldType == FieldType.Message && field.MessageType == type;
}
