using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;

namespace AgentBudget.Api.Tests.Fields;

public sealed class FieldChecksTests
{
    [Theory]
    [InlineData("r1", true)]
    [InlineData("a b~!", true)]
    [InlineData("", false)]
    [InlineData("é", false)]
    [InlineData("a\n", false)]
    [InlineData("a\u007f", false)]
    public void A_request_id_is_printable_ascii(string requestId, bool isRight)
    {
        Assert.Equal(isRight, IsRight((ref FieldFaults faults) => FieldChecks.RequestId(ref faults, requestId)));
    }

    [Theory]
    [InlineData("useCases/promo", true)]
    [InlineData("useCases/promo/models/claude-opus-*", true)]
    [InlineData("tenants/acme/users/user:kim@acme.test", true)]
    [InlineData("agents/a/users/Käthe Müller", true)]
    [InlineData("sessions/s17", true)]
    [InlineData("useCases/promo/models/", false)]
    [InlineData("useCases/promo/users/", false)]
    [InlineData("useCases/promo/models/two words", false)]
    [InlineData("useCases/promo/users/a\u202e", false)]
    [InlineData("useCases/promo/other/x", false)]
    [InlineData("sessions/s17/users/kim", false)]
    public void A_grain_is_an_account_a_part_of_one_or_a_session(string name, bool isRight) =>
        Assert.Equal(isRight, IsRight((ref FieldFaults faults) => FieldChecks.Grain(ref faults, "grain", name)));

    [Fact]
    public void A_request_id_has_at_most_128_characters()
    {
        Assert.True(IsRight((ref FieldFaults faults) => FieldChecks.RequestId(ref faults, new string('a', 128))));
        Assert.False(IsRight((ref FieldFaults faults) => FieldChecks.RequestId(ref faults, new string('a', 129))));
    }

    [Theory]
    [InlineData(1, 0, "", null)]
    [InlineData(0, 1, "USD", null)]
    [InlineData(9_223_372_036, 854_775_807, "USD", null)]
    [InlineData(0, 0, "", "above zero")]
    [InlineData(-1, 0, "", "negative")]
    [InlineData(0, -1, "", "negative")]
    [InlineData(-1, -1, "", "negative")]
    [InlineData(1, -1, "", "same sign")]
    [InlineData(-1, 1, "", "same sign")]
    [InlineData(0, 1_000_000_000, "", "999,999,999")]
    [InlineData(0, int.MinValue, "", "999,999,999")]
    [InlineData(9_223_372_036, 854_775_808, "", "at most")]
    [InlineData(long.MaxValue, 0, "", "at most")]
    [InlineData(long.MinValue, 0, "", "negative")]
    [InlineData(1, 0, "usd", "ISO 4217")]
    [InlineData(1, 0, "DOLLARS", "ISO 4217")]
    public void An_amount_above_zero_is_read_or_said_to_be_wrong(long units, int nanos, string currency, string? fault)
    {
        Money money = new() { Units = units, Nanos = nanos, CurrencyCode = currency };

        BadRequest? found = FaultsOf((ref FieldFaults faults) =>
            FieldChecks.Money(ref faults, "amount", money, isZeroRight: false));

        if (fault is null)
            Assert.Null(found);
        else
            Assert.Contains(fault, Assert.Single(found!.FieldViolations).Description, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 0, true)]
    [InlineData(86_400, 0, true)]
    [InlineData(86_400, 1, false)]
    [InlineData(0, 999_999_999, false)]
    [InlineData(-1, 0, false)]
    [InlineData(5, -1, false)]
    [InlineData(5, 1_000_000_000, false)]
    [InlineData(long.MaxValue, 0, false)]
    public void A_hold_stands_from_a_second_to_a_day(long seconds, int nanos, bool isRight)
    {
        Duration ttl = new() { Seconds = seconds, Nanos = nanos };

        Assert.Equal(isRight, IsRight((ref FieldFaults faults) =>
            FieldChecks.Ttl(ref faults, ttl, FieldRules.HoldSecondsMax, "wrong")));
    }

    [Theory]
    [InlineData("useCases/trade-promo", true)]
    [InlineData("agents/a", true)]
    [InlineData("tenants/acme", true)]
    [InlineData("businessUnits/b", true)]
    [InlineData("sessions/s17", true)]
    [InlineData("sessions/17", false)]
    [InlineData("useCases/", false)]
    [InlineData("useCases/-a", false)]
    [InlineData("useCases/A", false)]
    [InlineData("useCases/a/b", false)]
    [InlineData("prices/a", false)]
    [InlineData("", false)]
    public void A_grain_has_a_name_with_its_kind(string name, bool isRight)
    {
        Assert.Equal(isRight, IsRight((ref FieldFaults faults) => FieldChecks.Grain(ref faults, "grain", name)));
    }

    [Theory]
    [InlineData("crm.read", true)]
    [InlineData("crm.*", true)]
    [InlineData("*", false)]
    [InlineData(".*", false)]
    [InlineData("crm*", false)]
    [InlineData("crm.*.read", false)]
    [InlineData("crm read", false)]
    [InlineData("", false)]
    public void A_tool_scope_is_a_tool_or_a_namespace(string scope, bool isRight) =>
        Assert.Equal(isRight, FieldRules.IsToolScope(scope));

    [Fact]
    public void Every_fault_of_a_request_is_named_at_once()
    {
        BadRequest? found = FaultsOf((ref FieldFaults faults) =>
        {
            FieldChecks.RequestId(ref faults, "");
            FieldChecks.Model(ref faults, "a b", isRequired: true);
            FieldChecks.Tool(ref faults, "ns.*");
            FieldChecks.Count(ref faults, "estimate.input_tokens", -1);
            FieldChecks.Defined(ref faults, "on_expiry", (OnExpiry)77);
            FieldChecks.Time(ref faults, "expire_time", new Timestamp { Seconds = -1 });
            FieldChecks.PageSize(ref faults, 1001);
        });

        Assert.Equal(
            ["request_id", "model", "tool", "estimate.input_tokens", "on_expiry", "expire_time", "page_size"],
            found!.FieldViolations.Select(violation => violation.Field));
    }

    private delegate void Check(ref FieldFaults faults);

    private static bool IsRight(Check check) => FaultsOf(check) is null;

    private static BadRequest? FaultsOf(Check check)
    {
        FieldFaults faults = default;
        check(ref faults);
        try
        {
            faults.ThrowIfAny();
            return null;
        }
        catch (RpcException error)
        {
            Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
            return error.GetRpcStatus()!.GetDetail<BadRequest>();
        }
    }
}
