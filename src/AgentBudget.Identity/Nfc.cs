using System.Collections.Frozen;
using System.Text;

namespace AgentBudget.Identity;

/// <summary>
/// Unicode's canonical composition (UAX 15): one spelling of what is written alike. The runtime's own needs a library
/// of the system's that a silo does without.
/// </summary>
internal static partial class Nfc
{
    // Hangul syllables are composed by arithmetic (The Unicode Standard, 3.12).
    private const int SyllableBase = 0xAC00;
    private const int LeadingBase = 0x1100;
    private const int VowelBase = 0x1161;
    private const int TrailingBase = 0x11A7;
    private const int Leadings = 19;
    private const int Vowels = 21;
    private const int Trailings = 28;

    private static readonly FrozenDictionary<(char First, char Second), char> Composed = Triples(Composites)
        .ToFrozenDictionary(triple => (triple.Second, triple.Third), triple => triple.First);

    private static readonly FrozenDictionary<char, (char First, char Second)> Parts =
        Triples(Composites).Concat(Triples(Decomposed))
            .ToFrozenDictionary(triple => triple.First, triple => (triple.Second, triple.Third));

    private static readonly FrozenDictionary<char, int> ClassOfMark = Triples(Classes)
        .SelectMany(run => Enumerable.Range(run.First, run.Second - run.First + 1)
            .Select(mark => ((char)mark, (int)run.Third)))
        .ToFrozenDictionary(mark => mark.Item1, mark => mark.Item2);

    /// <summary>The text in its composed form.</summary>
    internal static string Compose(string text)
    {
        if (Ascii.IsValid(text))
            return text;
        List<char> letters = [];
        foreach (char letter in text)
            Decompose(letter, letters);
        PutInOrder(letters);
        return ComposeAll(letters);
    }

    private static void Decompose(char letter, List<char> into)
    {
        int syllable = letter - SyllableBase;
        if (syllable is >= 0 and < Leadings * Vowels * Trailings)
        {
            into.Add((char)(LeadingBase + (syllable / (Vowels * Trailings))));
            into.Add((char)(VowelBase + (syllable % (Vowels * Trailings) / Trailings)));
            if (syllable % Trailings > 0)
                into.Add((char)(TrailingBase + (syllable % Trailings)));
        }
        else if (Parts.TryGetValue(letter, out (char First, char Second) parts))
        {
            Decompose(parts.First, into);
            if (parts.Second != '\0')
                Decompose(parts.Second, into);
        }
        else
        {
            into.Add(letter);
        }
    }

    // Marks behind one letter, by their class; those of one class stay as they were.
    private static void PutInOrder(List<char> letters)
    {
        for (int index = 1; index < letters.Count; index++)
        {
            char mark = letters[index];
            int classOf = ClassOf(mark);
            int place = index;
            while (classOf > 0 && place > 0 && ClassOf(letters[place - 1]) > classOf)
                place--;
            if (place == index)
                continue;
            letters.RemoveAt(index);
            letters.Insert(place, mark);
        }
    }

    private static string ComposeAll(List<char> letters)
    {
        StringBuilder composed = new(letters.Count);
        int starter = -1;
        int lastClass = -1;
        foreach (char letter in letters)
        {
            int classOf = ClassOf(letter);
            // A mark is blocked by one of its own class or above between it and the letter, and a letter by any mark.
            bool isBlocked = starter < 0 || (lastClass >= 0 && lastClass >= classOf);
            if (!isBlocked && TryCompose(composed[starter], letter, out char whole))
            {
                composed[starter] = whole;
                continue;
            }

            if (classOf == 0)
            {
                starter = composed.Length;
                lastClass = -1;
            }
            else
            {
                lastClass = classOf;
            }

            composed.Append(letter);
        }

        return composed.ToString();
    }

    private static bool TryCompose(char first, char second, out char whole)
    {
        int leading = first - LeadingBase;
        int vowel = second - VowelBase;
        int syllable = first - SyllableBase;
        int trailing = second - TrailingBase;
        if (leading is >= 0 and < Leadings && vowel is >= 0 and < Vowels)
        {
            whole = (char)(SyllableBase + (((leading * Vowels) + vowel) * Trailings));
            return true;
        }

        if (syllable is >= 0 and < Leadings * Vowels * Trailings && syllable % Trailings == 0
            && trailing is > 0 and < Trailings)
        {
            whole = (char)(first + trailing);
            return true;
        }

        return Composed.TryGetValue((first, second), out whole);
    }

    private static int ClassOf(char letter) => ClassOfMark.GetValueOrDefault(letter);

    private static IEnumerable<(char First, char Second, char Third)> Triples(string table)
    {
        for (int index = 0; index < table.Length; index += 3)
            yield return (table[index], table[index + 1], table[index + 2]);
    }
}
