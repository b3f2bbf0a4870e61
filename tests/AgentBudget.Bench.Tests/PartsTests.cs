using System.Diagnostics;
using AgentBudget.Bench.Http2;
using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Bench.Tests;

public sealed class PartsTests
{
    private const string ReservationId = "rAAECAwQFBgcICQoLDA0ODw";

    // The sixteen bytes 0 to 15.
    private static readonly UInt128 ReservationNumber = new(0x0001020304050607, 0x08090A0B0C0D0E0F);

    [Theory]
    [InlineData(1_000)]
    [InlineData(333.3)]
    [InlineData(123_456.7)]
    public void A_pace_counts_a_call_as_due_from_its_due_time_on(double callsPerSecond)
    {
        var pace = new Pace(1_000_000, long.MaxValue, callsPerSecond);
        for (long call = 0; call < 10_000; call++)
        {
            long due = pace.DueTicks(call);
            Assert.True(pace.DueBy(due) > call);
            Assert.True(pace.DueBy(due - 1) <= call);
        }
    }

    [Fact]
    public void Quantiles_are_within_two_percent()
    {
        var tally = new Tally();
        for (int i = 1; i <= 100_000; i++)
            tally.Add(Verdict.Good, 0, i * (Stopwatch.Frequency / 1_000_000), isInTime: true);
        Assert.InRange(tally.QuantileMilliseconds(0.5), 50.0, 51.0);
        Assert.InRange(tally.QuantileMilliseconds(0.99), 99.0, 101.0);
    }

    [Fact]
    public void A_merged_tally_is_the_sum()
    {
        Tally one = new(), other = new();
        one.Add(Verdict.Good, 0, 1, isInTime: true);
        other.Add(Verdict.Denied, 0, 1, isInTime: false);
        other.Add(Verdict.Failed, 14, 1, isInTime: false);
        one.Merge(other);
        Assert.Equal(
            (3, 1, 1, 1, 14), (one.Calls, one.CallsInTime, one.Denied, one.Failed, one.LastFailedStatus));
    }

    [Fact]
    public void A_status_is_found_among_literals_and_static_entries()
    {
        byte[] block = [0x88, 0x20, 0x00, 11, .. "grpc-status"u8, 2, .. "14"u8, 0x0F, 0x2F, 1, .. "x"u8];
        Assert.Equal(14, HeaderReader.ReadStatus(block));
        Assert.Equal(HeaderReader.Absent, HeaderReader.ReadStatus([0x88]));
        Assert.Throws<InvalidDataException>(() => HeaderReader.ReadStatus(block.AsSpan(0, 10)));
    }

    [Fact]
    public void An_answer_is_read_only_when_it_is_whole()
    {
        byte[] answer = new ReserveTokensResponse
        {
            Decision = Decision.AllowDowngraded,
            Reservation = new Reservation { ReservationId = ReservationId, Model = "small", PriceVersion = 3 },
            Balance = new Balance { Grain = "tenants/acme", Available = new Money { Units = 5 } },
        }.ToByteArray();
        Assert.Equal(Decision.AllowDowngraded, AnswerReader.ReadReserve(answer, out UInt128 reservation));
        Assert.Equal(ReservationNumber, reservation);
        Assert.Equal(Decision.Unspecified, AnswerReader.ReadReserve(answer.AsSpan(0, answer.Length - 1), out _));
        Assert.Equal(Decision.Unspecified, AnswerReader.ReadReserve([], out _));
    }

    [Fact]
    public void Written_messages_are_what_the_contract_says()
    {
        var templates = new RequestTemplates("token");
        byte[] buffer = new byte[Workload.MessageBytesMax];
        int length = templates.WriteCommit(buffer, 0xAB, ReservationNumber);
        var commit = CommitTokensRequest.Parser.ParseFrom(buffer, 0, length);
        Assert.Equal(
            ("00000000000000ab", ReservationId, "token"),
            (commit.RequestId, commit.ReservationId, commit.SessionToken));
        var reserve = ReserveTokensRequest.Parser.ParseFrom(buffer, 0, templates.WriteReserve(buffer, 1));
        Assert.Equal(("0000000000000001", "token"), (reserve.RequestId, reserve.SessionToken));
        Assert.Equal(1000, reserve.Estimate.MaxOutputTokens);
    }

    [Theory]
    [InlineData("--rounds", "0")]
    [InlineData("--rounds")]
    [InlineData("--grpc", "127.0.0.1:1")]
    [InlineData("--sessions", "3")]
    [InlineData("--fast")]
    public void Bad_usage_is_said(params string[] arguments) =>
        Assert.Throws<FormatException>(() => BenchOptions.Parse(arguments));
}
