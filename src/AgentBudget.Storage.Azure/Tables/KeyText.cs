using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AgentBudget.Storage.Azure.Tables;

/// <summary>
/// A name (of a tenant, of a secret) as a part of names of blobs and rows: small letters, digits and hyphens stay,
/// every other byte of UTF-8 becomes an underscore and two hexadecimal digits. A long one is cut and ends with its
/// hash. Two names never have the same key, and a person still reads it.
/// </summary>
internal static class KeyText
{
    private const int LengthMax = 200; // A row's key has 512 characters, a blob's name 1,024.

    public static string Of(string name)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        StringBuilder key = new(bytes.Length);
        foreach (byte part in bytes)
        {
            if (part is (>= (byte)'a' and <= (byte)'z') or (>= (byte)'0' and <= (byte)'9') or (byte)'-')
                key.Append((char)part);
            else
                key.Append(CultureInfo.InvariantCulture, $"_{part:x2}");
        }

        if (key.Length <= LengthMax) return key.ToString();

        // Behind an underscore there is never another one, unless it was cut.
        key.Length = LengthMax;
        return key.Append("__").Append(Convert.ToHexStringLower(SHA256.HashData(bytes))).ToString();
    }
}
