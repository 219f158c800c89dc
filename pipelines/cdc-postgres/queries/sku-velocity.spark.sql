-- What sells now: net units per SKU over the last 15 minutes of receipts.
SELECT line.line_sku_ids AS sku_id, sum(line.line_quantities) AS units
FROM (
  SELECT explode(arrays_zip(line_sku_ids, line_quantities)) AS line
  FROM ice.${namespace}.pos
  WHERE store_id > 0 AND NOT training
    AND event_ts > $now_ms - 15 * 60 * 1000 AND event_ts <= $now_ms
)
GROUP BY line.line_sku_ids
ORDER BY units DESC, sku_id
LIMIT 100;
