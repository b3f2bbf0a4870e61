using System.Text;
using AgentBudget.Notifications.Sending;

namespace AgentBudget.Notifications.Tests;

/// <summary>Signatures are those of Standard Webhooks 1.0.</summary>
public sealed class SignatureTests
{
    private static readonly byte[] Secret = [.. Enumerable.Range(0, 32).Select(number => (byte)number)];

    [Fact]
    public void A_known_notice_has_the_known_signature() => Assert.Equal(
        "v1,/rleIFTd7aladmqeBFaLvF5aTC1Uixm5Z1WO3NsK4do=",
        Signature.Of([Secret], "evt_acme_482113_0", 1_795_000_000, """{"a":1}"""u8));

    [Fact]
    public void Two_secrets_sign_beside_each_other_while_one_is_changed()
    {
        string both = Signature.Of([Secret, [.. Secret.Reverse()]], "evt_acme_1_0", 1, "{}"u8);
        Assert.Equal(2, both.Split(' ').Distinct().Count());
        Assert.StartsWith(Signature.Of([Secret], "evt_acme_1_0", 1, "{}"u8), both, StringComparison.Ordinal);
    }

    [Fact]
    public void A_secret_is_written_as_receivers_take_it()
    {
        byte[] secret = Signature.NewSecret();
        string text = Signature.TextOf(secret);
        Assert.StartsWith("whsec_", text, StringComparison.Ordinal);
        Assert.Equal(secret, Convert.FromBase64String(text["whsec_".Length..]));
        Assert.InRange(secret.Length, 24, 64);
        Assert.NotEqual(Encoding.ASCII.GetString(secret), Encoding.ASCII.GetString(Signature.NewSecret()));
    }
}
