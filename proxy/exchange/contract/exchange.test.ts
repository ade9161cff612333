import { exchangeContract } from '#test/conformance/exchange-suite.ts';
import { http1Adapter } from '#test/conformance/exchange-http1.ts';
import { http2Adapter } from '#test/conformance/exchange-http2.ts';
import { memoryAdapter } from '#test/conformance/exchange-memory.ts';

exchangeContract(http1Adapter);
exchangeContract(memoryAdapter);
exchangeContract(http2Adapter);
