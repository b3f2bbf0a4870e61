using System.Buffers;
using System.Text;

namespace AgentBudget.Rpc.Wire;

/// <summary>
/// The encoding of <c>grpc-message</c>: UTF-8, with every byte outside printable ASCII, and the percent sign, written
/// as a percent sign and two hexadecimal digits.
/// </summary>
internal static class PercentEncoding
{
    private static readonly SearchValues<char> Plain = SearchValues.Create(
        " !\"#$&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~");

    internal static string Encode(string text)
    {
        if (!text.AsSpan().ContainsAnyExcept(Plain))
            return text;
        StringBuilder encoded = new(text.Length + 16);
        foreach (byte value in Encoding.UTF8.GetBytes(text))
        {
            if (value < 0x80 && Plain.Contains((char)value))
                encoded.Append((char)value);
            else
                encoded.Append('%').Append(Convert.ToHexString([value]));
        }

        return encoded.ToString();
    }

    /// <summary>Decodes what it can; a percent sign without two digits stays as it is.</summary>
    internal static string Decode(string text)
    {
        if (!text.Contains('%'))
            return text;
        byte[] decoded = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        int length = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '%' && i + 2 < text.Length && char.IsAsciiHexDigit(text[i + 1])
                && char.IsAsciiHexDigit(text[i + 2]))
            {
                decoded[length++] = Convert.FromHexString(text.AsSpan(i + 1, 2))[0];
                i += 2;
            }
            else
            {
                length += Encoding.UTF8.GetBytes(text.AsSpan(i, 1), decoded.AsSpan(length));
            }
        }

        return Encoding.UTF8.GetString(decoded, 0, length);
    }
}
