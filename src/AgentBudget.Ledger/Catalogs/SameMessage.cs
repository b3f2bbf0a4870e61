using System.Collections;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>
/// Whether two messages say the same. Generated equality takes an optional number that is absent for one that is zero;
/// in a catalog the one means unlimited and the other nothing at all, so presence is compared here as well.
/// </summary>
internal static class SameMessage
{
    public static bool Are(IMessage left, IMessage right) => left.Equals(right) && HaveSamePresence(left, right);

    public static bool Are<T>(IReadOnlyList<T> left, IReadOnlyList<T> right)
        where T : IMessage
    {
        if (left.Count != right.Count) return false;
        for (int index = 0; index < left.Count; index++)
        {
            if (!Are(left[index], right[index])) return false;
        }

        return true;
    }

    // Of messages whose values are equal, so that lists are as long and maps have the same keys.
    private static bool HaveSamePresence(IMessage left, IMessage right)
    {
        foreach (FieldDescriptor field in left.Descriptor.Fields.InDeclarationOrder())
        {
            IFieldAccessor accessor = field.Accessor;
            if (field.HasPresence && accessor.HasValue(left) != accessor.HasValue(right)) return false;
            if (field.FieldType == FieldType.Message
                && !HaveSamePresence(accessor.GetValue(left), accessor.GetValue(right)))
            {
                return false;
            }
        }

        return true;
    }

    private static bool HaveSamePresence(object? left, object? right)
    {
        switch (left)
        {
            case IMessage message:
                return HaveSamePresence(message, (IMessage)right!);
            case IDictionary map:
                foreach (DictionaryEntry entry in map)
                {
                    if (!HaveSamePresence(entry.Value, ((IDictionary)right!)[entry.Key])) return false;
                }

                return true;
            case IList list:
                for (int index = 0; index < list.Count; index++)
                {
                    if (!HaveSamePresence(list[index], ((IList)right!)[index])) return false;
                }

                return true;
            default:
                return true; // Absent on both sides, or a plain value, which equality has compared.
        }
    }
}
