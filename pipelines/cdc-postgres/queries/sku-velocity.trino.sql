-- What sells now: net units per SKU over the last 15 minutes of receipts.
SELECT sku_id, sum(quantity) AS units
FROM ice.${namespace}.pos
CROSS JOIN UNNEST(line_sku_ids, line_quantities) AS line (sku_id, quantity)
WHERE store_id > 0 AND NOT training
  AND event_ts > $now_ms - 15 * 60 * 1000 AND event_ts <= $now_ms
GROUP BY sku_id
ORDER BY units DESC, sku_id
LIMIT 100;
